"""Statistics over groups of students: colleges, departments, and groups of the demographics.

`summarize_groups` defines what is counted in every group. Which groups the demographics have is
decided in `demographics.py`.
"""

from collections.abc import Sequence

import polars as pl

from ouspark_assets.domain.rounding import mean_half_up, median_half_up, percent_half_up
from ouspark_assets.schemas.analytics import COLLEGE_STATS, DEPARTMENT_STATS

MAX_TOPPER_RANK = 10


def compute_college_stats(
    students: pl.DataFrame, student_cgpas: pl.DataFrame, student_rankings: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per college and admission year with at least one student with a standing."""
    return COLLEGE_STATS.conform(
        _summarize_with_toppers(
            students, student_cgpas, student_rankings, COLLEGE_STATS.key, "college"
        )
    )


def compute_department_stats(
    students: pl.DataFrame, student_cgpas: pl.DataFrame, student_rankings: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per department and admission year with a student with a standing."""
    return DEPARTMENT_STATS.conform(
        _summarize_with_toppers(
            students, student_cgpas, student_rankings, DEPARTMENT_STATS.key, "class"
        )
    )


def students_with_standings(students: pl.DataFrame, student_cgpas: pl.DataFrame) -> pl.DataFrame:
    """Return the students that have at least one standing, joined with their CGPAs."""
    subjects = pl.col("passed_subjects") + pl.col("open_subjects") + pl.col("pending_subjects")
    return students.join(student_cgpas, on="hall_ticket").filter(subjects > 0)


def summarize_groups(students: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return the counts, pass percentage and CGPA statistics of each group."""
    is_decided = pl.col("passed_subjects") + pl.col("open_subjects") > 0
    is_clear = (pl.col("open_subjects") == 0) & (pl.col("pending_subjects") == 0)
    return (
        students.group_by(by)
        .agg(
            pl.len().alias("students"),
            is_decided.sum().alias("decided"),
            is_clear.sum().alias("all_clear"),
            (pl.col("open_subjects") > 0).sum().alias("with_backlogs"),
            pl.col("incomplete").sum(),
            pl.col("cgpa").count().alias("with_cgpa"),
            mean_half_up(pl.col("cgpa"), pl.col("cgpa").count()).alias("mean_cgpa"),
            median_half_up(pl.col("cgpa")).alias("median_cgpa"),
            pl.col("cgpa").min().alias("lowest_cgpa"),
            pl.col("cgpa").max().alias("highest_cgpa"),
        )
        .with_columns(percent_half_up(pl.col("all_clear"), pl.col("decided")).alias("pass_percent"))
    )


def _summarize_with_toppers(
    students: pl.DataFrame,
    student_cgpas: pl.DataFrame,
    student_rankings: pl.DataFrame,
    by: Sequence[str],
    scope: str,
) -> pl.DataFrame:
    """Return the statistics of each group with its toppers as JSON, by their rank in the scope."""
    known = students_with_standings(students, student_cgpas)
    entry = pl.struct("rank", "hall_ticket", pl.col("value").alias("cgpa")).struct.json_encode()
    toppers = (
        student_rankings.filter(pl.col("scope") == scope, pl.col("rank") <= MAX_TOPPER_RANK)
        .join(known.select("hall_ticket", *by), on="hall_ticket")
        .sort("rank", "hall_ticket")
        .group_by(by)
        .agg(pl.format("[{}]", entry.str.join(",")).alias("toppers"))
    )
    return (
        summarize_groups(known, by)
        .join(toppers, on=by, how="left")
        .with_columns(pl.col("toppers").fill_null("[]"))
        .sort(by)
    )
