"""Rows that a page prints twice: identical ones collapse, conflicting ones are all problems.

Frames with a column `row` in, frames out.
"""

import polars as pl

from ouspark_assets.pages.problems import problems_where

CONFLICT = "the page has other rows with the same key and different content"


def without_repetitions(frame: pl.DataFrame, content: list[str]) -> pl.DataFrame:
    """The first of every group of rows with identical content."""
    return frame.unique(content, keep="first", maintain_order=True)


def conflicts(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """A problem for every row that shares its key with another one; rows without key have none."""
    complete = frame.filter(pl.all_horizontal(pl.col(key).is_not_null() & _not_blank(key)))
    return problems_where(complete, pl.len().over(key) > 1, CONFLICT)


def _not_blank(key: tuple[str, ...]) -> pl.Expr:
    return pl.all_horizontal(pl.col(name).cast(pl.String) != "" for name in key)
