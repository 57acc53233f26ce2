"""Attempts: marks rows with their release order, state and session.

Standings, backlogs and revaluation impact build on these. Which attempt is the effective one is
decided in `standings.py`.
"""

import polars as pl

from ouspark_assets.domain.grades import ABSENT_GRADE, state_expression
from ouspark_assets.domain.releases import ExamKind, in_release_order

# A release that is not in the index sorts before all others, so it never counts as the latest.
BEFORE_ALL_RELEASES = -1
MONTHS_PER_YEAR = 12


def compute_attempts(
    marks: pl.DataFrame, release_index: pl.DataFrame, subjects: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the marks with `release_order`, `state` and `sitting`.

    `sitting` is the main session in which the subject was sat, as a number; null for absences and
    for revaluation. `subjects` supplies semesters (see `fill_semesters`).
    """
    month = pl.col("session_year").cast(pl.Int32) * MONTHS_PER_YEAR + pl.col("session_month")
    # A release without a known session is a session of its own.
    session = pl.coalesce(month, -1 - pl.col("release_order"))
    releases = in_release_order(release_index).select(
        "release",
        "release_order",
        pl.when(pl.col("exam_kind") == ExamKind.MAIN.value).then(session).alias("_session"),
    )
    return (
        fill_semesters(marks, subjects)
        .join(releases, on="release", how="left")
        .with_columns(
            pl.col("release_order").fill_null(BEFORE_ALL_RELEASES),
            state_expression().alias("state"),
            pl.when(pl.col("grade") != ABSENT_GRADE).then("_session").alias("sitting"),
        )
        .drop("_session")
    )


def fill_semesters(marks: pl.DataFrame, subjects: pl.DataFrame | None) -> pl.DataFrame:
    """Return the marks with missing semesters filled from `subjects` (subject_code, semester)."""
    if subjects is None or not marks["semester"].has_nulls():
        return marks
    known = subjects.select("subject_code", pl.col("semester").alias("_semester")).drop_nulls()
    return (
        marks.join(known, on="subject_code", how="left")
        .with_columns(pl.coalesce("semester", "_semester").alias("semester"))
        .drop("_semester")
    )


def add_release_order(frame: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with the `release_order` of each row's release."""
    order = in_release_order(release_index).select("release", "release_order")
    return frame.join(order, on="release", how="left").with_columns(
        pl.col("release_order").fill_null(BEFORE_ALL_RELEASES)
    )
