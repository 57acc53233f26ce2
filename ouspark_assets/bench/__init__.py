"""Benchmarks: what the stages cost, each beside what people would use instead, in the same run.

A module per benchmark, the framework they share, and `scripts/` for the references that run in an
interpreter of their own. Nothing of the pipeline imports this.
"""
