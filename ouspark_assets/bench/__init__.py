"""Benchmarks: measure the cost of each stage and of a reference program in the same run.

One module per benchmark, the modules they share, and `scripts/` with the programs that run in a
process of their own. The pipeline imports nothing from this package.
"""
