"""Counts of a result, and the texts and pages that are rendered from them."""
