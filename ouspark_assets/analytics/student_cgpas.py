"""CGPAs: credits × points over all subjects of all finished semesters, per student.

CGPAs are computed from points, never from rounded SGPAs. Missing history is found in
`completeness.py`.
"""

import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.analytics.packed_keys import drop_semester, ticket_and_semester, ticket_number
from ouspark_assets.analytics.semester_gpas import is_finished, sum_semesters
from ouspark_assets.domain.grades import has_passed, is_open, is_pending
from ouspark_assets.domain.rounding import from_hundredths, ratio_half_up
from ouspark_assets.domain.subjects import FIRST_LATERAL_SEMESTER, FIRST_SEMESTER, LAST_SEMESTER
from ouspark_assets.schemas.analytics import STUDENT_CGPAS

COUNTS = (
    "credits_counted",
    "semesters_finished",
    "passed_subjects",
    "open_subjects",
    "pending_subjects",
)


def compute_student_cgpas(
    students: pl.DataFrame,
    standings: pl.DataFrame,
    missing_history: pl.DataFrame,
    options: Options,
) -> pl.DataFrame:
    """Return one row per student; `missing_history` has hall_ticket and incomplete_because."""
    semesters = sum_semesters(standings, ticket_and_semester())
    cgpas = compute_cgpas(semesters, drop_semester("key")).with_columns(
        from_hundredths(pl.col("credits")).alias("credits_counted")
    )
    per_student = (
        students.select("hall_ticket", "lateral_entry", ticket_number().alias("key"))
        .join(cgpas, on="key", how="left")
        .join(_count_subjects(standings), on="key", how="left")
        .join(missing_history, on="hall_ticket", how="left")
        .with_columns(
            pl.col("incomplete_because").is_not_null().alias("incomplete"),
            pl.col(COUNTS).fill_null(0),
        )
        .with_columns(
            options.percentage(pl.col("cgpa")).alias("percentage"),
            pl.when(_has_completed_the_course()).then(options.award(pl.col("cgpa"))).alias("award"),
        )
    )
    return STUDENT_CGPAS.conform(per_student.sort("hall_ticket"))


def compute_cgpas(semester_sums: pl.DataFrame, key: pl.Expr) -> pl.DataFrame:
    """Return, per key (a student), the CGPA over the finished semesters of `sum_semesters`."""
    return (
        semester_sums.lazy()
        .filter(is_finished())
        .group_by(key.alias("key"))
        .agg(pl.col("credits", "weighted").sum(), pl.len().alias("semesters_finished"))
        .with_columns(ratio_half_up(pl.col("weighted"), pl.col("credits")).alias("cgpa"))
        .collect(engine="streaming")
    )


def _count_subjects(standings: pl.DataFrame) -> pl.DataFrame:
    return (
        standings.lazy()
        .select(
            ticket_number().alias("key"),
            has_passed().alias("passed_subjects"),
            is_open().alias("open_subjects"),
            is_pending().alias("pending_subjects"),
        )
        .group_by("key")
        .agg(pl.all().sum())
        .collect(engine="streaming")
    )


def _has_completed_the_course() -> pl.Expr:
    first = pl.when("lateral_entry").then(FIRST_LATERAL_SEMESTER).otherwise(FIRST_SEMESTER)
    return (
        (pl.col("semesters_finished") >= LAST_SEMESTER + 1 - first)
        & (pl.col("open_subjects") + pl.col("pending_subjects") == 0)
        & ~pl.col("incomplete")
    )
