"""The university's terms and rules: hall tickets, grades, releases, rounding, masking, errors.

Pure values, functions and polars expressions. Nothing here does I/O or imports another package of
the project; every other package may import this one.
"""
