"""Credits: what a student has earned, and what the university's next year boundary requires.

- II→III: earned credits of semesters I and II, at least half of all credits of I and II.
- IV→V: backlog credits of I to IV, at most half of the credits of III and IV.
- VI→VII: backlog credits of I to VI, at most half of the credits of V and VI, rounded up to a whole
  credit.

Whether a student is detained is read from the pages, never derived.
"""

import polars as pl

from ouspark_assets.analytics.packed_keys import (
    drop_semester,
    ticket_and_semester,
    ticket_number,
    unpack_semester,
)
from ouspark_assets.domain.grades import has_passed, is_open, is_pending
from ouspark_assets.domain.rounding import HUNDRED, from_hundredths, hundredths
from ouspark_assets.domain.subjects import SubjectKind
from ouspark_assets.schemas.analytics import BOUNDARIES, REQUIREMENTS, STUDENT_CREDITS

UNKNOWN_SEMESTER = 0
SEMESTERS_PER_YEAR = 2
SECOND_YEAR, THIRD_YEAR = 2, 3
EARNED_AT_LEAST, BACKLOG_AT_MOST = REQUIREMENTS
TOTALS = ("attempted", "earned", "open", "pending", "earned_theory", "earned_laboratory")
REQUIREMENT_CREDITS = ("required", "counted", "short_by")


def compute_student_credits(
    students: pl.DataFrame, standings: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per student; `subjects` supplies the kinds of subjects."""
    semesters = _sum_per_semester(standings, subjects)
    years = semesters.group_by("key", _year_of("semester").alias("year")).agg(
        pl.col("attempted").sum().alias("year_credits"), pl.col("earned").sum().alias("year_earned")
    )
    # Lateral entrants begin in the second year.
    latest = _year_of("latest")
    year = pl.when("lateral_entry").then(pl.max_horizontal(latest, SECOND_YEAR)).otherwise(latest)
    missing = pl.col("required") - pl.col("counted")
    short_by = pl.when(pl.col("requirement") == EARNED_AT_LEAST).then(missing).otherwise(-missing)
    per_student = (
        students.select("hall_ticket", "lateral_entry", ticket_number().alias("key"))
        .join(_sum_per_student(semesters), on="key", how="left")
        .with_columns(pl.col(TOTALS).fill_null(0), year.alias("year"))
        .join(years, on=["key", "year"], how="left")
        .with_columns(pl.col("year_credits", "year_earned").fill_null(0))
        .with_columns(*_boundary())
        .with_columns(*_requirement())
        .with_columns(short_by.clip(0).alias("short_by"))
        .with_columns((pl.col("short_by") == 0).alias("meets_required"))
        .with_columns(from_hundredths(pl.col(*TOTALS, *REQUIREMENT_CREDITS)))
    )
    return STUDENT_CREDITS.conform(per_student.sort("hall_ticket"))


def _sum_per_semester(standings: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """Return the totals per student and semester; subjects without a semester are semester 0."""

    def is_kind(kind: SubjectKind) -> pl.Expr:
        codes = subjects.filter(pl.col("kind") == kind.value)["subject_code"]
        return pl.col("subject_code").is_in(codes.to_list())

    conditions = {
        "attempted": pl.lit(value=True),
        "earned": has_passed(),
        "open": is_open(),
        "pending": is_pending(),
        "earned_theory": has_passed() & is_kind(SubjectKind.THEORY),
        "earned_laboratory": has_passed() & is_kind(SubjectKind.LABORATORY),
    }
    return (
        standings.lazy()
        .with_columns(pl.col("semester").fill_null(UNKNOWN_SEMESTER))
        .select(
            ticket_and_semester().alias("semester_key"),
            *(
                pl.when(condition).then(hundredths()).alias(name)
                for name, condition in conditions.items()
            ),
        )
        .group_by("semester_key")
        .agg(pl.col(TOTALS).sum())
        .with_columns(
            drop_semester("semester_key").alias("key"),
            unpack_semester("semester_key").alias("semester"),
        )
        .collect(engine="streaming")
    )


def _sum_per_student(semesters: pl.DataFrame) -> pl.DataFrame:
    """Return the totals, the latest semester sat, and the backlog credits of known semesters."""
    is_known = pl.col("semester") != UNKNOWN_SEMESTER
    return semesters.group_by("key").agg(
        pl.col(TOTALS).sum(),
        pl.col("semester").filter(is_known).max().alias("latest"),
        pl.col("open").filter(is_known).sum().alias("backlog"),
    )


def _year_of(semester: str) -> pl.Expr:
    return (pl.col(semester) + 1) // SEMESTERS_PER_YEAR


def _boundary() -> list[pl.Expr]:
    """Return the boundary at the end of the year, the kind of requirement, and `provisional`."""
    year = pl.col("year")
    names = dict(enumerate(BOUNDARIES, start=1))
    boundary = year.replace_strict(names, default=None, return_dtype=pl.String)
    requirement = (
        pl.when(year < SECOND_YEAR).then(pl.lit(EARNED_AT_LEAST)).otherwise(pl.lit(BACKLOG_AT_MOST))
    )
    not_sat = pl.col("latest") < year * SEMESTERS_PER_YEAR
    return [
        boundary.alias("boundary"),
        pl.when(boundary.is_not_null()).then(requirement).alias("requirement"),
        pl.when(boundary.is_not_null()).then(not_sat).alias("provisional"),
    ]


def _requirement() -> list[pl.Expr]:
    """Return the credits that the boundary requires or allows, and those compared with them."""
    requires_earned = pl.col("requirement") == EARNED_AT_LEAST
    year_credits, two_credits = pl.col("year_credits"), 2 * HUNDRED
    half_rounded_up = (year_credits + two_credits - 1) // two_credits * HUNDRED
    required = (
        pl.when(requires_earned)
        .then((year_credits + 1) // 2)
        .when(pl.col("year") == THIRD_YEAR)
        .then(half_rounded_up)
        .otherwise(year_credits // 2)
    )
    counted = pl.when(requires_earned).then("year_earned").otherwise("backlog")
    # Nothing is required while no credits of the year are known.
    applies = pl.col("boundary").is_not_null() & (year_credits > 0)
    return [
        pl.when(applies).then(required).alias("required"),
        pl.when(applies).then(counted).alias("counted"),
    ]
