"""Standings: the one grade that counts for a student in each subject ever sat.

If any attempt or revaluation passed: the best passing grade, on equal points the latest. Else
the latest attempt's grade.
"""

import polars as pl

from ouspark_assets.analytics.keys import and_number, number_in, ticket_number
from ouspark_assets.analytics.moments import ORDER_BITS, ROW_BITS, moment, row_of
from ouspark_assets.domain.grades import has_passed
from ouspark_assets.schemas.analytics import STANDINGS

# An attempt's weight: passing outweighs every grade, then points, then the moment.
_POINT_BITS = 4
_POINT = 1 << (ROW_BITS + ORDER_BITS)
_PASSING = 1 << (ROW_BITS + ORDER_BITS + _POINT_BITS)


def standings(attempts: pl.DataFrame) -> pl.DataFrame:
    """One row per student and subject out of all attempts."""
    key = and_number(ticket_number(), number_in(attempts["subject_code"]))
    chosen = counting_attempts(attempts, key).sort("key")
    release = attempts["release"]
    return STANDINGS.conform(
        attempts.select("hall_ticket", "subject_code", "credits", "grade", "points", "state")
        .select(pl.all().gather(chosen["row"]))
        .with_columns(
            chosen["semester"],
            chosen["attempts"],
            release.gather(chosen["first_row"]).alias("first_release"),
            release.gather(chosen["cleared_row"]).alias("cleared_release"),
        )
    )


def counting_attempts(attempts: pl.DataFrame, key: pl.Expr) -> pl.DataFrame:
    """Per key: the rows of the attempt that counts, of the first, and of the first that passed."""
    return (
        attempts.lazy()
        .select(
            key.alias("key"),
            _weight().alias("row"),
            moment().alias("first_row"),
            pl.when(has_passed()).then(moment()).alias("cleared_row"),
            "semester",
            "sitting",
        )
        .group_by("key")
        .agg(
            row_of(pl.col("row").max()),
            row_of(pl.col("first_row").min()),
            row_of(pl.col("cleared_row").min()),
            pl.col("semester").max(),
            pl.col("sitting").drop_nulls().n_unique().alias("attempts"),
        )
        .collect(engine="streaming")
    )


def _weight() -> pl.Expr:
    passing = _PASSING + _POINT * pl.col("points").cast(pl.Int64)
    return moment() + pl.when(has_passed()).then(passing).otherwise(0)
