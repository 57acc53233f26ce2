"""Releases: their keys, their kinds, and the release order that defines "latest" everywhere.

A release is one results page of the university. Parsing its free-text title belongs to
`sources/results_site/release_titles.py`.
"""

import re
from enum import StrEnum

import polars as pl

from ouspark_assets.domain.errors import UsageError

RELEASE_KEY_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
BE_COURSE = "B.E."

_KEY = re.compile(RELEASE_KEY_PATTERN, re.ASCII)


class ExamKind(StrEnum):
    """Whether a release has the results of an examination or of its revaluation."""

    MAIN = "main"
    REVALUATION = "revaluation"


class Scheme(StrEnum):
    """The regulations that a release belongs to."""

    CBCS = "CBCS"
    NON_CBCS = "Non-CBCS"
    AICTE = "AICTE"


def is_release_key(text: str) -> bool:
    """Return whether the text is valid as a release key, and so as a folder name in the lake."""
    return _KEY.fullmatch(text) is not None


def require_release_key(text: str) -> str:
    """Return the text if it is a valid release key; raise before it is used as a path."""
    if not is_release_key(text):
        message = (
            f"{text!r} is not a release key. A release key has 1 to 64 letters, digits, '_' or '-'."
        )
        raise UsageError(message)
    return text


def in_release_order(index: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `source.release_index`, oldest first, with the column `release_order`.

    The order is: session year, session month, main before revaluation, published_on,
    first_seen_at, key. Nulls sort first, so that a release whose title could not be parsed never
    counts as the latest.
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
