"""Backlogs: every subject that counts as failed or absent, and since when.

Pending subjects are never backlogs. What counts is decided in `analytics/standings.py`.
"""

import polars as pl

from ouspark_assets.domain.grades import is_open
from ouspark_assets.schemas.analytics import BACKLOGS


def backlogs(standings: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """One row per open standing; since the first attempt that failed or was missed."""
    opened = (
        attempts.lazy()
        .filter(is_open())
        .sort("release_order")
        .group_by("hall_ticket", "subject_code")
        .agg(pl.col("release").first().alias("since_release"))
        .collect()
    )
    return BACKLOGS.conform(
        standings.filter(is_open()).join(opened, on=["hall_ticket", "subject_code"], how="left")
    ).sort(BACKLOGS.key)
