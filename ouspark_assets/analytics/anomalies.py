"""Anomalies: what changed more than usual since the previous publication.

A change may be right (a difficult paper, a new rule), so anomalies are reported to people and block
nothing. The thresholds come from the settings.
"""

from dataclasses import dataclass

import polars as pl

from ouspark_assets.domain.rounding import HUNDRED

SCHEMA = {"where": pl.String, "measure": pl.String, "before": pl.Float64, "now": pl.Float64}


@dataclass(frozen=True)
class Thresholds:
    """The changes above which a value is reported as an anomaly."""

    all_clear_points: float
    mean_cgpa: float
    volume_percent: float


def find_changed_colleges(
    now: pl.DataFrame, before: pl.DataFrame, thresholds: Thresholds
) -> pl.DataFrame:
    """Return the colleges whose pass percentage or mean CGPA of a year passed its threshold."""
    key = ["college_code", "admission_year"]
    limits = {"pass_percent": thresholds.all_clear_points, "mean_cgpa": thresholds.mean_cgpa}
    both = now.select(*key, *limits).join(before.select(*key, *limits), on=key, suffix="_before")
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


def find_lost_rows(table: str, now: int, before: int, thresholds: Thresholds) -> pl.DataFrame:
    """Return one row if the table lost a larger share of its rows than the threshold."""
    minimum = before * (HUNDRED - thresholds.volume_percent) / HUNDRED
    lost = [(table, "rows", float(before), float(now))] if now < minimum else []
    return pl.DataFrame(lost, schema=SCHEMA, orient="row")
