"""The figures under a class sheet: per subject who passed, and what that is in percent.

The same rules as everywhere: appeared = passed + failed, absent and pending apart.
"""

import polars as pl

from ouspark_assets.domain.grades import State
from ouspark_assets.domain.rounding import HUNDRED, percent_half_up, ratio_half_up


def subject_figures(grades: pl.DataFrame) -> pl.DataFrame:
    """Per subject of these grades: counts by state, pass percentage, mean points."""
    counts = [
        (pl.col("state") == state.value).sum().cast(pl.Int64).alias(state.value) for state in State
    ]
    appeared = pl.col("passed") + pl.col("failed")
    points = pl.col("points").filter(pl.col("state").is_in(["passed", "failed"]))
    return (
        grades.group_by("subject_code")
        .agg(
            pl.col("semester").max(),
            pl.col("credits").max(),
            *counts,
            points.cast(pl.Int64).sum().alias("_points"),
        )
        .with_columns(appeared.alias("appeared"))
        .with_columns(
            percent_half_up(pl.col("passed"), pl.col("appeared")).alias("pass_percent"),
            ratio_half_up(HUNDRED * pl.col("_points"), HUNDRED * pl.col("appeared")).alias(
                "mean_points"
            ),
        )
        .drop("_points")
        .sort("semester", "subject_code", nulls_last=True)
    )
