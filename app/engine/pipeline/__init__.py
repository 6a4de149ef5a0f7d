"""From an input file to its outputs, a block of lines at a time, on several processes."""
