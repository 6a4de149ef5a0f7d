"""The command line: `gas …`."""
