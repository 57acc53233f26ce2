"""Semester GPAs: whether a student has finished a semester, its SGPA, and the printed SGPA.

A semester is finished when the student has standings in it and all of them are passed.
"""

from enum import StrEnum

import polars as pl

from ouspark_assets.analytics.attempts import add_release_order
from ouspark_assets.analytics.packed_keys import (
    latest_rows,
    ticket_and_semester,
    unpack_semester,
    unpack_ticket,
)
from ouspark_assets.domain.grades import is_open, is_pending
from ouspark_assets.domain.rounding import from_hundredths, hundredths, ratio_half_up
from ouspark_assets.schemas.analytics import SEMESTER_GPAS


class SemesterState(StrEnum):
    """The state of a semester: the values of `semester_gpas.state`."""

    FINISHED = "finished"
    OPEN = "open"
    PENDING = "pending"


def compute_semester_gpas(
    standings: pl.DataFrame, results: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per student and semester with standings."""
    computed = sum_semesters(standings, ticket_and_semester()).select(
        "key",
        unpack_ticket("key").alias("hall_ticket"),
        unpack_semester("key").alias("semester"),
        from_hundredths(pl.col("credits")),
        semester_state().alias("state"),
        sgpa().alias("sgpa"),
    )
    with_sgpa = results.filter(pl.col("sgpa_printed").is_not_null())
    printed = latest_rows(
        add_release_order(with_sgpa, release_index), ticket_and_semester()
    ).select("key", "sgpa_printed")
    return SEMESTER_GPAS.conform(computed.join(printed, on="key", how="left").sort("key"))


def sum_semesters(standings: pl.DataFrame, key: pl.Expr) -> pl.DataFrame:
    """Return, per key (a student's semester), the sums that its SGPA and state follow from.

    `credits` and `weighted` (credits × points) are in hundredths; `open` and `pending` count
    subjects. Subjects without a semester are left out.
    """
    return (
        standings.lazy()
        .filter(pl.col("semester").is_not_null())
        .select(
            key.alias("key"),
            hundredths().alias("credits"),
            (hundredths() * pl.col("points").cast(pl.Int64)).alias("weighted"),
            is_open().alias("open"),
            is_pending().alias("pending"),
        )
        .group_by("key")
        .agg(pl.col("credits", "weighted", "open", "pending").sum())
        .collect(engine="streaming")
    )


def is_finished() -> pl.Expr:
    """Whether a row of `sum_semesters` is a finished semester."""
    return (pl.col("open") == 0) & (pl.col("pending") == 0)


def semester_state() -> pl.Expr:
    """Return the state of a row of `sum_semesters`."""
    return (
        pl.when(pl.col("open") > 0)
        .then(pl.lit(SemesterState.OPEN.value))
        .when(pl.col("pending") > 0)
        .then(pl.lit(SemesterState.PENDING.value))
        .otherwise(pl.lit(SemesterState.FINISHED.value))
    )


def sgpa() -> pl.Expr:
    """Return the SGPA of a row of `sum_semesters`; null until the semester is finished."""
    return pl.when(is_finished()).then(ratio_half_up(pl.col("weighted"), pl.col("credits")))
