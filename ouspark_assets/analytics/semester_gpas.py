"""Semesters: whether a student has finished one, and its SGPA beside the printed one.

A semester is finished when the student has standings in it and all of them are passed.
"""

from enum import StrEnum

import polars as pl

from ouspark_assets.analytics.keys import semester_of, ticket_and_semester, ticket_of
from ouspark_assets.analytics.moments import latest, with_release_order
from ouspark_assets.domain.grades import is_open, is_pending
from ouspark_assets.domain.rounding import from_hundredths, hundredths, ratio_half_up
from ouspark_assets.schemas.analytics import SEMESTER_GPAS


class SemesterState(StrEnum):
    """Whether a semester is finished, and if not, what stands in the way."""

    FINISHED = "finished"
    OPEN = "open"
    PENDING = "pending"


def semester_gpas(
    standings: pl.DataFrame, results: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """One row per student and semester with standings."""
    computed = semester_sums(standings, ticket_and_semester()).select(
        "key",
        ticket_of("key").alias("hall_ticket"),
        semester_of("key").alias("semester"),
        from_hundredths(pl.col("credits")),
        semester_state().alias("state"),
        sgpa().alias("sgpa"),
    )
    printed = latest_printed(results, release_index)
    return SEMESTER_GPAS.conform(computed.join(printed, on="key", how="left").sort("key"))


def semester_sums(standings: pl.DataFrame, key: pl.Expr) -> pl.DataFrame:
    """Per key (a student's semester) what its GPA and its state follow from.

    `credits` and `weighted` points in hundredths of a credit; how many subjects are `open` and
    `pending`. Subjects without a semester are left out.
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
    """Whether a row of `semester_sums` is of a finished semester."""
    return (pl.col("open") == 0) & (pl.col("pending") == 0)


def semester_state() -> pl.Expr:
    """The state of a semester, out of its `semester_sums`."""
    return (
        pl.when(pl.col("open") > 0)
        .then(pl.lit(SemesterState.OPEN.value))
        .when(pl.col("pending") > 0)
        .then(pl.lit(SemesterState.PENDING.value))
        .otherwise(pl.lit(SemesterState.FINISHED.value))
    )


def sgpa() -> pl.Expr:
    """The SGPA of a semester, out of its `semester_sums`; null until it is finished."""
    return pl.when(is_finished()).then(ratio_half_up(pl.col("weighted"), pl.col("credits")))


def latest_printed(results: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """The SGPA of the latest page that prints one, per `ticket_and_semester` as `key`."""
    lines = with_release_order(results.filter(pl.col("sgpa_printed").is_not_null()), release_index)
    return latest(lines, ticket_and_semester()).select("key", "sgpa_printed")
