"""Dense rankings within an admission year: students by CGPA, colleges and departments by mean CGPA.

Equal values have equal ranks, without a gap after them. A student or group that is not ranked has a
row without a rank, which states the reason.
"""

import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.domain.rounding import percent_half_up
from ouspark_assets.schemas.analytics import (
    COLLEGE_RANKINGS,
    DEPARTMENT_RANKINGS,
    STUDENT_RANKINGS,
)

SCOPE_COLUMNS = {
    "class": ["admission_year", "college_code", "branch_code"],
    "college": ["admission_year", "college_code"],
    "branch": ["admission_year", "branch_code"],
    "university": ["admission_year"],
}


def compute_student_rankings(students: pl.DataFrame, student_cgpas: pl.DataFrame) -> pl.DataFrame:
    """Return one row per student and scope.

    Ranked are the students with a CGPA, nothing open, nothing pending and no history missing.
    """
    known = (
        students.select("hall_ticket", "admission_year", "college_code", "branch_code")
        .join(student_cgpas, on="hall_ticket")
        .with_columns(_unranked_because().alias("unranked_because"))
        .with_columns(pl.when(pl.col("unranked_because").is_null()).then("cgpa").alias("ranked"))
    )
    ranked = pl.concat(
        _rank_in_scope(known, scope, within) for scope, within in SCOPE_COLUMNS.items()
    )
    scopes = pl.Enum(list(SCOPE_COLUMNS))
    return STUDENT_RANKINGS.conform(
        ranked.sort("hall_ticket", pl.col("scope").cast(scopes)).with_columns(
            pl.col("cgpa").alias("value")
        )
    )


def compute_college_rankings(college_stats: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return one row per row of `college_stats`."""
    ranked = _rank_groups(college_stats, options.min_ranked)
    return COLLEGE_RANKINGS.conform(ranked).sort(COLLEGE_RANKINGS.key)


def compute_department_rankings(department_stats: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Return one row per row of `department_stats`.

    Departments are ranked among all departments, among those of the college, and among those of
    the same branch.
    """
    ranked = _rank_groups(department_stats, options.min_ranked).with_columns(
        _dense_rank(["admission_year", "college_code"]).alias("rank_in_college"),
        _dense_rank(["admission_year", "branch_code"]).alias("rank_in_branch"),
    )
    return DEPARTMENT_RANKINGS.conform(ranked).sort(DEPARTMENT_RANKINGS.key)


def _dense_rank(within: list[str]) -> pl.Expr:
    """Return the rank of `ranked` in each group, highest value first; null without a value."""
    return pl.col("ranked").rank("dense", descending=True).over(within).cast(pl.Int32)


def _out_of(within: list[str]) -> pl.Expr:
    """Return the number of ranked rows in each group."""
    return pl.col("ranked").count().over(within).cast(pl.Int32)


def _rank_in_scope(known: pl.DataFrame, scope: str, within: list[str]) -> pl.DataFrame:
    lower_or_equal = pl.col("ranked").rank("max").over(within)
    return known.with_columns(
        pl.lit(scope).alias("scope"),
        _dense_rank(within).alias("rank"),
        _out_of(within).alias("out_of"),
    ).with_columns(
        pl.when(pl.col("rank").is_not_null())
        .then(percent_half_up(lower_or_equal, pl.col("out_of")))
        .alias("percentile")
    )


def _unranked_because() -> pl.Expr:
    reasons = pl.concat_str(
        pl.when(pl.col("cgpa").is_null()).then(pl.lit("no semester is finished")),
        _count_of_subjects("open_subjects", "open"),
        _count_of_subjects("pending_subjects", "pending"),
        pl.when("incomplete").then(pl.format("incomplete: {}", "incomplete_because")),
        separator="; ",
        ignore_nulls=True,
    )
    return pl.when(reasons != "").then(reasons)


def _count_of_subjects(count: str, state: str) -> pl.Expr:
    one = pl.lit(f"1 {state} subject")
    several = pl.format(f"{{}} {state} subjects", count)
    return pl.when(pl.col(count) > 1).then(several).when(pl.col(count) == 1).then(one)


def _rank_groups(stats: pl.DataFrame, min_ranked: int) -> pl.DataFrame:
    """Return the groups with their rank; groups with too few CGPAs are not ranked.

    The column `ranked` holds the ranked value, and is null for groups that are not ranked.
    """
    min_ranked = max(min_ranked, 1)
    has_enough = pl.col("with_cgpa") >= min_ranked
    reason = pl.format("{} of at least {} students have a CGPA", "with_cgpa", pl.lit(min_ranked))
    return stats.with_columns(
        pl.col("with_cgpa").alias("n"),
        pl.when(has_enough).then("mean_cgpa").alias("ranked"),
        pl.when(~has_enough).then(reason).alias("unranked_because"),
    ).with_columns(
        _dense_rank(["admission_year"]).alias("rank"), _out_of(["admission_year"]).alias("out_of")
    )
