"""Department statistics: the students of a branch of a college per admission year."""

import polars as pl

from ouspark_assets.analytics.cohorts import group_stats
from ouspark_assets.schemas.analytics import DEPARTMENT_STATS


def department_stats(
    students: pl.DataFrame, student_cgpas: pl.DataFrame, student_rankings: pl.DataFrame
) -> pl.DataFrame:
    """One row per department and admission year with a student that has a standing."""
    return DEPARTMENT_STATS.conform(
        group_stats(students, student_cgpas, student_rankings, DEPARTMENT_STATS.key, "class")
    )
