"""Releases: their keys, their kinds, and the one order in which "latest" is meant.

A release is one results page of the university. Reading its free-text title is `site/titles.py`.
"""

import re
from enum import StrEnum

import polars as pl

from ouspark_assets.domain.errors import SiteError

RELEASE_KEY_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
BE_COURSE = "B.E."

_KEY = re.compile(RELEASE_KEY_PATTERN, re.ASCII)


class ExamKind(StrEnum):
    """Whether a release carries an examination's results or what revaluation changed in them."""

    MAIN = "main"
    REVALUATION = "revaluation"


class Scheme(StrEnum):
    """The regulations a release belongs to."""

    CBCS = "CBCS"
    NON_CBCS = "Non-CBCS"
    AICTE = "AICTE"


def is_release_key(text: str) -> bool:
    """Whether the text may name a release (and so a folder of the lake)."""
    return _KEY.fullmatch(text) is not None


def checked_release_key(text: str) -> str:
    """The key itself; a text that can't be one is refused before it becomes a path."""
    if not is_release_key(text):
        message = f"{text!r} is not a release key: 1 to 64 letters, digits, '_' or '-'"
        raise SiteError(message)
    return text


def in_release_order(index: pl.DataFrame) -> pl.DataFrame:
    """The rows of `source.release_index` oldest first, with their place as `release_order`.

    Session year, session month, main before revaluation, published_on, first_seen_at, key. What
    a title does not tell sorts first, so that an unreadable title never counts as the latest.
    """
    by = ["session_year", "session_month", "_revaluation", "published_on", "first_seen_at"]
    return (
        index.with_columns(
            (pl.col("exam_kind") == ExamKind.REVALUATION.value).alias("_revaluation")
        )
        .sort([*by, "release"], nulls_last=False)
        .drop("_revaluation")
        .with_row_index("release_order")
        .with_columns(pl.col("release_order").cast(pl.Int32))
    )
