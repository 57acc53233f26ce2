"""Anomalies: what changed more than usual since the previous publication.

A change may be right (a bad paper, a new rule); it is for a person to look at, so nothing here
stops anything. Thresholds come from the settings.
"""

from dataclasses import dataclass

import polars as pl

from ouspark_assets.domain.rounding import HUNDRED

SCHEMA = {"where": pl.String, "measure": pl.String, "before": pl.Float64, "now": pl.Float64}
MEASURES = ("pass_percent", "mean_cgpa")


@dataclass(frozen=True)
class Thresholds:
    """How much may change before it is worth a look."""

    all_clear_points: float
    mean_cgpa: float
    volume_percent: float


def changed_colleges(
    now: pl.DataFrame, before: pl.DataFrame, thresholds: Thresholds
) -> pl.DataFrame:
    """Colleges whose share of all-clear or mean CGPA of a year moved by more than its limit."""
    key = ["college_code", "admission_year"]
    limits = dict(zip(MEASURES, (thresholds.all_clear_points, thresholds.mean_cgpa), strict=True))
    both = now.select(*key, *MEASURES).join(
        before.select(*key, *MEASURES), on=key, suffix="_before"
    )
    return pl.concat(
        both.filter((pl.col(measure) - pl.col(f"{measure}_before")).abs() > limit)
        .sort(key)
        .select(
            pl.format("college {}, admitted {}", *key).alias("where"),
            pl.lit(measure).alias("measure"),
            pl.col(f"{measure}_before").alias("before"),
            pl.col(measure).alias("now"),
        )
        for measure, limit in limits.items()
    )


def lost_rows(table: str, now: int, before: int, thresholds: Thresholds) -> pl.DataFrame:
    """The table, when it lost a larger share of its rows than usual."""
    least = before * (HUNDRED - thresholds.volume_percent) / HUNDRED
    lost = [(table, "rows", float(before), float(now))] if now < least else []
    return pl.DataFrame(lost, schema=SCHEMA, orient="row")
