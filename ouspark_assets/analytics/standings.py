"""Standings, the effective grade of a student in each subject, and backlogs, the open standings.

If any attempt passed, the effective grade is the best passing grade, and on equal points the latest
one. Otherwise it is the grade of the latest attempt. Pending subjects are never backlogs.
"""

import polars as pl

from ouspark_assets.analytics.attempts import add_release_order
from ouspark_assets.analytics.packed_keys import (
    ORDER_BITS,
    ROW_BITS,
    pack_text,
    recency,
    row_of,
    text_number,
    ticket_number,
)
from ouspark_assets.domain.grades import OPEN_GRADES, has_passed, is_open
from ouspark_assets.schemas.analytics import BACKLOGS, STANDINGS

# The rank of an attempt is one integer, so that the effective attempt of a group is its maximum.
# Highest bit first: passed, then the points, then the recency.
_POINTS_BITS = 4
_POINT = 1 << (ROW_BITS + ORDER_BITS)
_PASSED = 1 << (ROW_BITS + ORDER_BITS + _POINTS_BITS)


def compute_standings(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return one row per student and subject."""
    key = pack_text(ticket_number(), text_number(attempts["subject_code"]))
    effective = find_effective_attempts(attempts, key).sort("key")
    release = attempts["release"]
    return STANDINGS.conform(
        attempts.select("hall_ticket", "subject_code", "credits", "grade", "points", "state")
        .select(pl.all().gather(effective["row"]))
        .with_columns(
            effective["semester"],
            effective["attempts"],
            release.gather(effective["first_row"]).alias("first_release"),
            release.gather(effective["cleared_row"]).alias("cleared_release"),
        )
    )


def find_effective_attempts(attempts: pl.DataFrame, key: pl.Expr) -> pl.DataFrame:
    """Return, per key, the row numbers of the effective, the first and the first passed attempt.

    Also the semester, and the number of distinct sessions in which the subject was sat.
    """
    passed_rank = _PASSED + _POINT * pl.col("points").cast(pl.Int64)
    rank = recency() + pl.when(has_passed()).then(passed_rank).otherwise(0)
    return (
        attempts.lazy()
        .select(
            key.alias("key"),
            rank.alias("row"),
            recency().alias("first_row"),
            pl.when(has_passed()).then(recency()).alias("cleared_row"),
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


def compute_backlogs(
    standings: pl.DataFrame, marks: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per open standing, with the release of its first failure or absence."""
    failed_or_absent = marks.select("hall_ticket", "subject_code", "release", "grade").filter(
        pl.col("grade").is_in(OPEN_GRADES)
    )
    since = (
        add_release_order(failed_or_absent, release_index)
        .sort("release_order")
        .group_by("hall_ticket", "subject_code")
        .agg(pl.col("release").first().alias("since_release"))
    )
    return BACKLOGS.conform(
        standings.filter(is_open()).join(since, on=["hall_ticket", "subject_code"], how="left")
    ).sort(BACKLOGS.key)
