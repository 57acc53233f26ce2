"""Demographics: how students of each gender, medium, course and way of entry fare, and where.

For all, per college, per branch and per department, each per admission year and over all years.
"""

from itertools import product

import polars as pl

from ouspark_assets.analytics.cohorts import measures, with_standing
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
# Sections divide a class, so over several classes they mean nothing.
GROUPS_OF_SECTIONS: tuple[Group, ...] = (GROUPS[-1],)


def demographics(
    students: pl.DataFrame, student_cgpas: pl.DataFrame, options: Options
) -> pl.DataFrame:
    """One row per dimension, value and place; null codes and years stand for all of them."""
    known = with_standing(students, student_cgpas)
    parts = [_measured(known, name, value, GROUPS) for name, value in DIMENSIONS.items()]
    if options.section_size:
        section = _section(options.section_size)
        parts.append(_measured(known, SECTION, section, GROUPS_OF_SECTIONS))
    return DEMOGRAPHICS.conform(pl.concat(parts, how="diagonal")).sort(DEMOGRAPHICS.key)


def _measured(
    students: pl.DataFrame, dimension: str, value: pl.Expr, groups: tuple[Group, ...]
) -> pl.DataFrame:
    valued = students.with_columns(value.fill_null(UNKNOWN).alias("value"))
    return pl.concat(
        [measures(valued, ["value", *group]) for group in groups], how="diagonal"
    ).with_columns(pl.lit(dimension).alias("dimension"))


def _section(size: int) -> pl.Expr:
    """Sections count serials from 1; who is in which of them after lateral entry is not known."""
    number = (pl.col("serial") - 1) // size + 1
    return pl.when(~pl.col("lateral_entry")).then(number.cast(pl.String))
