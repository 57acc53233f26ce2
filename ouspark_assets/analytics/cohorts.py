"""Cohorts: what every statistic over a group of students says, said once for all groups.

Which groups there are is decided by the aggregates; here is what is counted in each.
"""

from collections.abc import Sequence

import polars as pl

from ouspark_assets.domain.rounding import mean_half_up, median_half_up, percent_half_up

TOPPERS = 10


def with_standing(students: pl.DataFrame, student_cgpas: pl.DataFrame) -> pl.DataFrame:
    """The students that have a standing, with what is known of them."""
    subjects = pl.col("passed_subjects") + pl.col("open_subjects") + pl.col("pending_subjects")
    return students.join(student_cgpas, on="hall_ticket").filter(subjects > 0)


def is_clear() -> pl.Expr:
    """Whether a student with a standing has nothing open and nothing pending."""
    return (pl.col("open_subjects") == 0) & (pl.col("pending_subjects") == 0)


def measures(students: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """What is counted of the students of each group."""
    decided = pl.col("passed_subjects") + pl.col("open_subjects") > 0
    return (
        students.group_by(by)
        .agg(
            pl.len().alias("students"),
            decided.sum().alias("decided"),
            is_clear().sum().alias("all_clear"),
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


def group_stats(
    students: pl.DataFrame,
    student_cgpas: pl.DataFrame,
    student_rankings: pl.DataFrame,
    by: Sequence[str],
    scope: str,
) -> pl.DataFrame:
    """The measures of each group and its toppers by their rank in this scope."""
    known = with_standing(students, student_cgpas)
    best = toppers(known, student_rankings.filter(pl.col("scope") == scope), by)
    return (
        measures(known, by)
        .join(best, on=by, how="left")
        .with_columns(pl.col("toppers").fill_null("[]"))
        .sort(by)
    )


def toppers(students: pl.DataFrame, rankings: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The students of rank 1 to 10 of each group as a JSON array, ties included."""
    entry = pl.struct("rank", "hall_ticket", pl.col("value").alias("cgpa")).struct.json_encode()
    return (
        rankings.filter(pl.col("rank") <= TOPPERS)
        .join(students.select("hall_ticket", *by), on="hall_ticket")
        .sort("rank", "hall_ticket")
        .group_by(by)
        .agg(pl.format("[{}]", entry.str.join(",")).alias("toppers"))
    )
