"""Ranks: dense, highest value first, the same for students, colleges and departments.

Who is ranked at all is decided by the aggregates.
"""

import polars as pl


def dense_rank(value: str, within: list[str]) -> pl.Expr:
    """The rank within each group: equal values, equal ranks, no gap; null without a value."""
    return pl.col(value).rank("dense", descending=True).over(within).cast(pl.Int32)


def out_of(rank: str, within: list[str]) -> pl.Expr:
    """How many of each group are ranked."""
    return pl.col(rank).count().over(within).cast(pl.Int32)
