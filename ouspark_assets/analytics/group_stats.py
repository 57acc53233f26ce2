"""Statistics over groups of students: colleges, departments, and groups of the demographics.

`summarize_groups` defines what is counted in every group. Which groups the demographics have is
decided in `demographics.py`.
"""

from collections.abc import Sequence

import polars as pl

from ouspark_assets.domain.rounding import mean_half_up, median_half_up, percent_half_up
from ouspark_assets.schemas.table import Table

MAX_TOPPER_RANK = 10


def compute_group_stats(
    table: Table,
    scope: str,
    students: pl.DataFrame,
    student_cgpas: pl.DataFrame,
    student_rankings: pl.DataFrame,
) -> pl.DataFrame:
    """Return one row per key of the table with at least one student with a standing.

    The toppers are those of the scope, as JSON.
    """
    by = table.key
    known = students_with_standings(students, student_cgpas)
    entry = pl.struct("rank", "hall_ticket", pl.col("value").alias("cgpa")).struct.json_encode()
    toppers = (
        student_rankings.filter(pl.col("scope") == scope, pl.col("rank") <= MAX_TOPPER_RANK)
        .join(known.select("hall_ticket", *by), on="hall_ticket")
        .sort("rank", "hall_ticket")
        .group_by(by)
        .agg(pl.format("[{}]", entry.str.join(",")).alias("toppers"))
    )
    stats = summarize_groups(known, by).join(toppers, on=by, how="left")
    return table.conform(stats.with_columns(pl.col("toppers").fill_null("[]"))).sort(by)


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
