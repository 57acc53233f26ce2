"""Anomalies: what changed more than usual since the previous publication.

A change may be right (a difficult paper, a new rule), so anomalies are reported to people and block
nothing. The thresholds come from the settings.
"""

from collections.abc import Mapping

import polars as pl

from ouspark_assets.domain.rounding import HUNDRED

SCHEMA = {"where": pl.String, "measure": pl.String, "before": pl.Float64, "now": pl.Float64}


def find_changed_colleges(
    now: pl.DataFrame, before: pl.DataFrame, limits: Mapping[str, float]
) -> pl.DataFrame:
    """Return the colleges of which a measure of an admission year changed by more than its limit.

    `limits` holds the limit of each measure, which is a column of `college_stats`.
    """
    key = ["college_code", "admission_year"]
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


def find_lost_rows(table: str, now: int, before: int, max_lost_percent: float) -> pl.DataFrame:
    """Return one row if the table lost a larger share of its rows than allowed."""
    minimum = before * (HUNDRED - max_lost_percent) / HUNDRED
    lost = [(table, "rows", float(before), float(now))] if now < minimum else []
    return pl.DataFrame(lost, schema=SCHEMA, orient="row")
