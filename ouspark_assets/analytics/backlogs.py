"""Backlogs: every subject that counts as failed or absent, and since when.

Pending subjects are never backlogs. What counts is decided in `analytics/standings.py`.
"""

import polars as pl

from ouspark_assets.analytics.moments import with_release_order
from ouspark_assets.domain.grades import OPEN_GRADES, is_open
from ouspark_assets.schemas.analytics import BACKLOGS


def backlogs(
    standings: pl.DataFrame, marks: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """One row per open standing; since the first attempt that failed or was missed."""
    failed_or_missed = marks.select("hall_ticket", "subject_code", "release", "grade").filter(
        pl.col("grade").is_in(OPEN_GRADES)
    )
    since = (
        with_release_order(failed_or_missed, release_index)
        .sort("release_order")
        .group_by("hall_ticket", "subject_code")
        .agg(pl.col("release").first().alias("since_release"))
    )
    return BACKLOGS.conform(
        standings.filter(is_open()).join(since, on=["hall_ticket", "subject_code"], how="left")
    ).sort(BACKLOGS.key)
