"""Attempts: every marks row with its release's place in time and whether it counts as a sitting.

The common ground of standings, backlogs and revaluation impact; no rule of which grade counts.
"""

import polars as pl

from ouspark_assets.analytics.moments import BEFORE_ALL_RELEASES
from ouspark_assets.domain.grades import ABSENT_GRADE, state_expression
from ouspark_assets.domain.releases import ExamKind, in_release_order

MONTHS = 12


def attempts(
    marks: pl.DataFrame, release_index: pl.DataFrame, subjects: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Marks with `release_order`, `state`, and `sitting` (the session sat; null when not sat).

    `subjects` (subject_code, semester) tells the semester where the subject's code does not.
    """
    releases = in_release_order(release_index).select(
        "release",
        "release_order",
        pl.when(pl.col("exam_kind") == ExamKind.MAIN.value).then(_session()).alias("_session"),
    )
    return (
        with_semester(marks, subjects)
        .join(releases, on="release", how="left")
        .with_columns(
            pl.col("release_order").fill_null(BEFORE_ALL_RELEASES),
            state_expression().alias("state"),
            pl.when(pl.col("grade") != ABSENT_GRADE).then("_session").alias("sitting"),
        )
        .drop("_session")
    )


def with_semester(marks: pl.DataFrame, subjects: pl.DataFrame | None) -> pl.DataFrame:
    """Marks whose semester, where the code does not tell, is that of the reference table."""
    if subjects is None or not marks["semester"].has_nulls():
        return marks
    known = subjects.select("subject_code", pl.col("semester").alias("_semester")).drop_nulls()
    return (
        marks.join(known, on="subject_code", how="left")
        .with_columns(pl.coalesce("semester", "_semester").alias("semester"))
        .drop("_semester")
    )


def _session() -> pl.Expr:
    """A number for the examination session; a release without one is a session of its own."""
    month = pl.col("session_year").cast(pl.Int32) * MONTHS + pl.col("session_month")
    return pl.coalesce(month, -1 - pl.col("release_order"))
