"""Demographics: the statistics of students by gender, medium, course, way of entry and section.

Each dimension is summarized for all students, per college, per branch and per department, and each
of these per admission year and over all years.
"""

from itertools import product

import polars as pl

from ouspark_assets.analytics.group_stats import students_with_standings, summarize_groups
from ouspark_assets.analytics.options import Options
from ouspark_assets.schemas.analytics import DEMOGRAPHICS

Group = tuple[str, ...]

UNKNOWN = "unknown"
SECTION = "section"
DIMENSIONS = {
    "gender": pl.col("gender"),
    "medium": pl.col("medium"),
    "course": pl.col("course"),
    "lateral_entry": pl.when("lateral_entry").then(pl.lit("yes")).otherwise(pl.lit("no")),
}
PLACES: tuple[Group, ...] = (
    (),
    ("college_code",),
    ("branch_code",),
    ("college_code", "branch_code"),
)
YEARS: tuple[Group, ...] = ((), ("admission_year",))
GROUPS: tuple[Group, ...] = tuple((*place, *year) for place, year in product(PLACES, YEARS))
# Sections are numbered within a class, so they mean nothing in larger groups.
SECTION_GROUPS: tuple[Group, ...] = (GROUPS[-1],)


def compute_demographics(
    students: pl.DataFrame, student_cgpas: pl.DataFrame, options: Options
) -> pl.DataFrame:
    """Return one row per dimension, value and group; a null code or year stands for all."""
    known = students_with_standings(students, student_cgpas)
    parts = [_summarize(known, name, value, GROUPS) for name, value in DIMENSIONS.items()]
    if options.section_size:
        # Serials count from 1. The section of lateral entrants is not known.
        number = (pl.col("serial") - 1) // options.section_size + 1
        section = pl.when(~pl.col("lateral_entry")).then(number.cast(pl.String))
        parts.append(_summarize(known, SECTION, section, SECTION_GROUPS))
    return DEMOGRAPHICS.conform(pl.concat(parts, how="diagonal")).sort(DEMOGRAPHICS.key)


def _summarize(
    students: pl.DataFrame, dimension: str, value: pl.Expr, groups: tuple[Group, ...]
) -> pl.DataFrame:
    with_value = students.with_columns(value.fill_null(UNKNOWN).alias("value"))
    return pl.concat(
        [summarize_groups(with_value, ["value", *group]) for group in groups], how="diagonal"
    ).with_columns(pl.lit(dimension).alias("dimension"))
