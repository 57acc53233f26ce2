"""CGPAs: credits × points over all subjects of all finished semesters, for every student.

From points, never from rounded SGPAs. Whether a record is complete is `analytics/completeness.py`.
"""

import polars as pl

from ouspark_assets.analytics.keys import ticket_and_semester, ticket_number, without_semester
from ouspark_assets.analytics.options import Options
from ouspark_assets.analytics.semester_gpas import is_finished, semester_sums
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


def student_cgpas(
    students: pl.DataFrame,
    standings: pl.DataFrame,
    missing_history: pl.DataFrame,
    options: Options,
) -> pl.DataFrame:
    """One row per student; `missing_history` says for whom and why something is missing."""
    per_student = (
        students.select("hall_ticket", "lateral_entry", ticket_number().alias("key"))
        .join(_over_finished_semesters(standings), on="key", how="left")
        .join(_subjects(standings), on="key", how="left")
        .join(missing_history, on="hall_ticket", how="left")
        .with_columns(
            pl.col("incomplete_because").is_not_null().alias("incomplete"),
            pl.col(COUNTS).fill_null(0),
        )
        .with_columns(
            options.percentage(pl.col("cgpa")).alias("percentage"),
            pl.when(_has_the_degree()).then(options.award(pl.col("cgpa"))).alias("award"),
        )
    )
    return STUDENT_CGPAS.conform(per_student.sort("hall_ticket"))


def cgpas(semester_sums: pl.DataFrame, key: pl.Expr) -> pl.DataFrame:
    """Per key (a student): the CGPA over the finished ones of these semesters."""
    return (
        semester_sums.lazy()
        .filter(is_finished())
        .group_by(key.alias("key"))
        .agg(pl.col("credits", "weighted").sum(), pl.len().alias("semesters_finished"))
        .with_columns(ratio_half_up(pl.col("weighted"), pl.col("credits")).alias("cgpa"))
        .collect(engine="streaming")
    )


def _over_finished_semesters(standings: pl.DataFrame) -> pl.DataFrame:
    sums = semester_sums(standings, ticket_and_semester())
    return cgpas(sums, without_semester("key")).select(
        "key",
        "cgpa",
        "semesters_finished",
        from_hundredths(pl.col("credits")).alias("credits_counted"),
    )


def _subjects(standings: pl.DataFrame) -> pl.DataFrame:
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


def _has_the_degree() -> pl.Expr:
    """Every semester finished (from the third for lateral entry), nothing open, nothing missing."""
    first = pl.when("lateral_entry").then(FIRST_LATERAL_SEMESTER).otherwise(FIRST_SEMESTER)
    return (
        (pl.col("semesters_finished") >= LAST_SEMESTER + 1 - first)
        & (pl.col("open_subjects") + pl.col("pending_subjects") == 0)
        & ~pl.col("incomplete")
    )
