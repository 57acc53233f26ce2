"""Attempts: marks rows with their release order, state, session, and the code they count under.

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
    """Return the marks with `counts_as`, `release_order`, `attempt_order`, `state` and `sitting`.

    `sitting` is the main session in which the subject was sat, as a number; null for absences and
    for revaluation. `subjects` supplies semesters and equivalent codes (see `fill_semesters` and
    `add_newest_codes`).
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
        add_newest_codes(fill_semesters(marks, subjects), subjects)
        .join(releases, on="release", how="left")
        .with_columns(pl.col("release_order").fill_null(BEFORE_ALL_RELEASES))
        .with_columns(
            _attempt_order(subjects),
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


def add_newest_codes(marks: pl.DataFrame, subjects: pl.DataFrame | None) -> pl.DataFrame:
    """Return the marks with `counts_as`, the newest code equivalent to the printed one."""
    newest = _newest_codes(subjects)
    printed = pl.col("subject_code")
    # Replacing nothing would still cost a pass over all texts.
    return marks.with_columns((printed.replace(newest) if newest else printed).alias("counts_as"))


def _newest_codes(subjects: pl.DataFrame | None) -> dict[str, str]:
    if subjects is None:
        return {}
    return dict(
        subjects.select("subject_code", "counts_as").drop_nulls().sort("subject_code").rows()
    )


def _attempt_order(subjects: pl.DataFrame | None) -> pl.Expr:
    """Return the order of attempts: by release and, if a page has two equivalent codes, by code.

    The newest code comes last, so that the effective attempt never depends on the order of rows.
    """
    order = pl.col("release_order")
    older = {code: place for place, code in enumerate(_newest_codes(subjects))}
    if older:
        place = pl.col("subject_code").replace_strict(
            older, default=len(older), return_dtype=pl.Int64
        )
        order = order * (len(older) + 1) + place
    return order.alias("attempt_order")


def add_release_order(frame: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with the `release_order` of each row's release."""
    order = in_release_order(release_index).select("release", "release_order")
    return frame.join(order, on="release", how="left").with_columns(
        pl.col("release_order").fill_null(BEFORE_ALL_RELEASES)
    )
