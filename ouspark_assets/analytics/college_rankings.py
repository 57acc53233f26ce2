"""College rankings: colleges by the mean CGPA of an admission year."""

import polars as pl

from ouspark_assets.analytics.group_rankings import ranked_groups
from ouspark_assets.analytics.options import Options
from ouspark_assets.schemas.analytics import COLLEGE_RANKINGS


def college_rankings(college_stats: pl.DataFrame, options: Options) -> pl.DataFrame:
    """One row per row of `college_stats`."""
    ranked = ranked_groups(college_stats, options.least_ranked)
    return COLLEGE_RANKINGS.conform(ranked).sort(COLLEGE_RANKINGS.key)
