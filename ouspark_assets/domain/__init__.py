"""The university's own words and rules, each once: hall tickets, grades, releases, rounding.

Pure values, functions and polars expressions. Nothing here reads, writes, fetches or imports
another room; every other room may import this one.
"""
