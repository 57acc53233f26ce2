"""Computation of the aggregates: pure polars, frames in, frames out.

No I/O, no settings, no Dagster. The columns and types of the results are in `schemas/analytics.py`;
rules that several aggregates share are in `domain/`.
"""
