"""College statistics: the students of a college per admission year."""

import polars as pl

from ouspark_assets.analytics.cohorts import group_stats
from ouspark_assets.schemas.analytics import COLLEGE_STATS


def college_stats(
    students: pl.DataFrame, student_cgpas: pl.DataFrame, student_rankings: pl.DataFrame
) -> pl.DataFrame:
    """One row per college and admission year with a student that has a standing."""
    return COLLEGE_STATS.conform(
        group_stats(students, student_cgpas, student_rankings, COLLEGE_STATS.key, "college")
    )
