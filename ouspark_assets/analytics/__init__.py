"""What the numbers are: pure polars, frame in, frame out, a module per aggregate.

No I/O, no settings, no dagster. Columns and types of every result are in `schemas/analytics.py`;
rules that several aggregates share are in `domain/`.
"""
