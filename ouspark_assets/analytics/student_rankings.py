"""Student rankings: dense ranks by published CGPA within an admission year, in four scopes.

Ranked are students with a CGPA, nothing open, nothing pending and no history missing; every
other student has a row without rank that says why.
"""

import polars as pl

from ouspark_assets.analytics.ranking import dense_rank, out_of
from ouspark_assets.domain.rounding import percent_half_up
from ouspark_assets.schemas.analytics import STUDENT_RANKINGS

WITHIN = {
    "class": ["admission_year", "college_code", "branch_code"],
    "college": ["admission_year", "college_code"],
    "branch": ["admission_year", "branch_code"],
    "university": ["admission_year"],
}


def student_rankings(students: pl.DataFrame, student_cgpas: pl.DataFrame) -> pl.DataFrame:
    """One row per student and scope."""
    places = ["hall_ticket", "admission_year", "college_code", "branch_code"]
    known = (
        students.select(places)
        .join(student_cgpas, on="hall_ticket")
        .with_columns(_unranked_because().alias("unranked_because"))
        .with_columns(pl.when(pl.col("unranked_because").is_null()).then("cgpa").alias("ranked"))
    )
    scopes = pl.Enum(list(WITHIN))
    ranked = pl.concat([_in_scope(known, scope, within) for scope, within in WITHIN.items()])
    return STUDENT_RANKINGS.conform(
        ranked.sort("hall_ticket", pl.col("scope").cast(scopes)).with_columns(
            pl.col("cgpa").alias("value")
        )
    )


def _in_scope(known: pl.DataFrame, scope: str, within: list[str]) -> pl.DataFrame:
    lower_or_equal = pl.col("ranked").rank("max").over(within)
    return (
        known.with_columns(pl.lit(scope).alias("scope"), dense_rank("ranked", within).alias("rank"))
        .with_columns(out_of("rank", within).alias("out_of"))
        .with_columns(
            pl.when(pl.col("rank").is_not_null())
            .then(percent_half_up(lower_or_equal, pl.col("out_of")))
            .alias("percentile")
        )
    )


def _unranked_because() -> pl.Expr:
    reasons = pl.concat_str(
        pl.when(pl.col("cgpa").is_null()).then(pl.lit("no semester is finished")),
        _how_many("open_subjects", "open"),
        _how_many("pending_subjects", "pending"),
        pl.when("incomplete").then(pl.format("incomplete: {}", "incomplete_because")),
        separator="; ",
        ignore_nulls=True,
    )
    return pl.when(reasons != "").then(reasons)


def _how_many(count: str, what: str) -> pl.Expr:
    one = pl.lit(f"1 {what} subject")
    several = pl.format(f"{{}} {what} subjects", count)
    return pl.when(pl.col(count) > 1).then(several).when(pl.col(count) == 1).then(one)
