"""What GAS itself costs, apart from AWS: its processes against an answerer that does next to nothing.

See docs/measurements/benchmarks.md.
"""
