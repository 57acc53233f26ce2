"""Department rankings: departments by the mean CGPA of an admission year.

Among all departments, among those of the college, and among those of the same branch.
"""

import polars as pl

from ouspark_assets.analytics.group_rankings import YEAR, ranked_groups
from ouspark_assets.analytics.options import Options
from ouspark_assets.analytics.ranking import dense_rank
from ouspark_assets.schemas.analytics import DEPARTMENT_RANKINGS


def department_rankings(department_stats: pl.DataFrame, options: Options) -> pl.DataFrame:
    """One row per row of `department_stats`."""
    ranked = ranked_groups(department_stats, options.least_ranked).with_columns(
        dense_rank("ranked", [YEAR, "college_code"]).alias("rank_in_college"),
        dense_rank("ranked", [YEAR, "branch_code"]).alias("rank_in_branch"),
    )
    return DEPARTMENT_RANKINGS.conform(ranked).sort(DEPARTMENT_RANKINGS.key)
