"""A generated genome for comparisons with other annotators."""
