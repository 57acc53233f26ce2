"""Standings, the effective grade of a student in each subject, and backlogs, the open standings.

If any attempt passed, the effective grade is the best passing grade, and on equal points the latest
one. Otherwise it is the grade of the latest attempt. Pending subjects are never backlogs.

A subject whose code changed is one subject: attempts under equivalent codes make one standing,
under the newest code. Its credits are those of the attempt that counts. Its semester is that of the
student's first attempt, because a backlog stays in the semester that it keeps from being finished,
even if the newer code belongs to another one.
"""

import polars as pl

from ouspark_assets.analytics.attempts import add_newest_codes, add_release_order
from ouspark_assets.analytics.packed_keys import (
    ORDER_BITS,
    ROW_BITS,
    SEMESTER_BITS,
    pack_text,
    recency,
    row_of,
    text_number,
    ticket_number,
    unpack_semester,
)
from ouspark_assets.domain.grades import OPEN_GRADES, has_passed, is_open
from ouspark_assets.schemas.analytics import BACKLOGS, STANDINGS

# The rank of an attempt is one integer, so that the effective attempt of a group is its maximum.
# Highest bit first: passed, then the points, then the recency.
_POINTS_BITS = 4
_POINT = 1 << (ROW_BITS + ORDER_BITS)
_PASSED = 1 << (ROW_BITS + ORDER_BITS + _POINTS_BITS)


def compute_standings(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return one row per student and subject, under its newest code."""
    key = pack_text(ticket_number(), text_number(attempts["counts_as"]))
    effective = find_effective_attempts(attempts, key).sort("key")
    release = attempts["release"]
    return STANDINGS.conform(
        attempts.select(
            "hall_ticket",
            pl.col("counts_as").alias("subject_code"),
            *("credits", "grade", "points", "state"),
        )
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

    Also the semester of the first attempt that has one, and the number of distinct sessions in
    which the subject was sat.
    """
    passed_rank = _PASSED + _POINT * pl.col("points").cast(pl.Int64)
    place = recency("attempt_order")
    rank = place + pl.when(has_passed()).then(passed_rank).otherwise(0)
    return (
        attempts.lazy()
        .select(
            key.alias("key"),
            rank.alias("row"),
            place.alias("first_row"),
            pl.when(has_passed()).then(place).alias("cleared_row"),
            (place * (1 << SEMESTER_BITS) + pl.col("semester")).alias("semester"),
            "sitting",
        )
        .group_by("key")
        .agg(
            row_of(pl.col("row").max()),
            row_of(pl.col("first_row").min()),
            row_of(pl.col("cleared_row").min()),
            pl.col("semester").min(),
            pl.col("sitting").drop_nulls().n_unique().alias("attempts"),
        )
        .with_columns(unpack_semester("semester").alias("semester"))
        .collect(engine="streaming")
    )


def compute_backlogs(
    standings: pl.DataFrame,
    marks: pl.DataFrame,
    release_index: pl.DataFrame,
    subjects: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return one row per open standing, with the release of its first failure or absence."""
    failed_or_absent = marks.select("hall_ticket", "subject_code", "release", "grade").filter(
        pl.col("grade").is_in(OPEN_GRADES)
    )
    since = (
        add_release_order(add_newest_codes(failed_or_absent, subjects), release_index)
        .sort("release_order")
        .group_by("hall_ticket", pl.col("counts_as").alias("subject_code"))
        .agg(pl.col("release").first().alias("since_release"))
    )
    return BACKLOGS.conform(
        standings.filter(is_open()).join(since, on=["hall_ticket", "subject_code"], how="left")
    ).sort(BACKLOGS.key)
