"""Credits: what a student has earned, and what the next year boundary of the university asks for.

II→III: earned credits of I and II, at least half of them. IV→V: backlogs of I to IV, at most half
the credits of III and IV. VI→VII: backlogs of I to VI, at most half the credits of V and VI,
rounded up to a whole credit. Whether anyone is detained is read from pages, never derived.
"""

import polars as pl

from ouspark_assets.analytics.keys import (
    semester_of,
    ticket_and_semester,
    ticket_number,
    without_semester,
)
from ouspark_assets.domain.grades import has_passed, is_open, is_pending
from ouspark_assets.domain.rounding import HUNDRED, from_hundredths, hundredths
from ouspark_assets.domain.subjects import SubjectKind
from ouspark_assets.schemas.analytics import BOUNDARIES, REQUIREMENTS, STUDENT_CREDITS

UNKNOWN_SEMESTER = 0
SEMESTERS_OF_A_YEAR = 2
SECOND_YEAR, THIRD_YEAR = 2, 3
EARNED_AT_LEAST, BACKLOG_AT_MOST = REQUIREMENTS
TOTALS = ("attempted", "earned", "open", "pending", "earned_theory", "earned_laboratory")
HELD_AGAINST = ("required", "counted", "short_by")


def student_credits(
    students: pl.DataFrame, standings: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    """One row per student; `subjects` tells theory from laboratory."""
    semesters = _per_semester(standings, subjects)
    held = (
        students.select("hall_ticket", "lateral_entry", ticket_number().alias("key"))
        .join(_per_student(semesters), on="key", how="left")
        .with_columns(pl.col(TOTALS).fill_null(0), _year_of_study().alias("year"))
        .join(_per_year(semesters), on=["key", "year"], how="left")
        .with_columns(pl.col("year_credits", "year_earned").fill_null(0))
        .with_columns(*_boundary())
        .with_columns(*_held_against())
        .with_columns(_short_by().alias("short_by"))
        .with_columns((pl.col("short_by") == 0).alias("meets_required"))
        .with_columns(from_hundredths(pl.col(*TOTALS, *HELD_AGAINST)))
    )
    return STUDENT_CREDITS.conform(held.sort("hall_ticket"))


def _per_semester(standings: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """All sums of credits per student and semester; unknown semesters together as semester 0."""
    laboratories = subjects.filter(pl.col("kind") == SubjectKind.LABORATORY.value)
    theory = subjects.filter(pl.col("kind") == SubjectKind.THEORY.value)
    sums = {
        "attempted": pl.lit(value=True),
        "earned": has_passed(),
        "open": is_open(),
        "pending": is_pending(),
        "earned_theory": has_passed() & _one_of(theory),
        "earned_laboratory": has_passed() & _one_of(laboratories),
    }
    known = standings.lazy().with_columns(pl.col("semester").fill_null(UNKNOWN_SEMESTER))
    return (
        known.select(
            ticket_and_semester().alias("semester_key"),
            *(pl.when(counts).then(hundredths()).alias(name) for name, counts in sums.items()),
        )
        .group_by("semester_key")
        .agg(pl.col(TOTALS).sum())
        .with_columns(
            without_semester("semester_key").alias("key"),
            semester_of("semester_key").alias("semester"),
        )
        .collect(engine="streaming")
    )


def _one_of(subjects: pl.DataFrame) -> pl.Expr:
    return pl.col("subject_code").is_in(subjects["subject_code"].to_list())


def _per_student(semesters: pl.DataFrame) -> pl.DataFrame:
    """All sums per student, the latest semester sat, and the credits of backlogs up to it."""
    known = pl.col("semester") != UNKNOWN_SEMESTER
    return semesters.group_by("key").agg(
        pl.col(TOTALS).sum(),
        pl.col("semester").filter(known).max().alias("latest"),
        pl.col("open").filter(known).sum().alias("backlog"),
    )


def _per_year(semesters: pl.DataFrame) -> pl.DataFrame:
    return semesters.group_by("key", _year_of("semester").alias("year")).agg(
        pl.col("attempted").sum().alias("year_credits"), pl.col("earned").sum().alias("year_earned")
    )


def _year_of(semester: str) -> pl.Expr:
    return (pl.col(semester) + 1) // SEMESTERS_OF_A_YEAR


def _year_of_study() -> pl.Expr:
    """The year of the latest semester sat; lateral entry begins in the second."""
    year = _year_of("latest")
    return pl.when("lateral_entry").then(pl.max_horizontal(year, SECOND_YEAR)).otherwise(year)


def _boundary() -> list[pl.Expr]:
    year = pl.col("year")
    names = dict(enumerate(BOUNDARIES, start=1))
    boundary = year.replace_strict(names, default=None, return_dtype=pl.String)
    kind = (
        pl.when(year < SECOND_YEAR).then(pl.lit(EARNED_AT_LEAST)).otherwise(pl.lit(BACKLOG_AT_MOST))
    )
    not_sat = pl.col("latest") < year * SEMESTERS_OF_A_YEAR
    return [
        boundary.alias("boundary"),
        pl.when(boundary.is_not_null()).then(kind).alias("requirement"),
        pl.when(boundary.is_not_null()).then(not_sat).alias("provisional"),
    ]


def _held_against() -> list[pl.Expr]:
    year_credits, whole = pl.col("year_credits"), 2 * HUNDRED
    rounded_up = (year_credits + whole - 1) // whole * HUNDRED
    required = (
        pl.when(pl.col("requirement") == EARNED_AT_LEAST)
        .then((year_credits + 1) // 2)
        .when(pl.col("year") == THIRD_YEAR)
        .then(rounded_up)
        .otherwise(year_credits // 2)
    )
    counted = (
        pl.when(pl.col("requirement") == EARNED_AT_LEAST).then("year_earned").otherwise("backlog")
    )
    # Nothing can be asked for half of what is not known yet.
    asked = pl.col("boundary").is_not_null() & (year_credits > 0)
    return [
        pl.when(asked).then(required).alias("required"),
        pl.when(asked).then(counted).alias("counted"),
    ]


def _short_by() -> pl.Expr:
    missing = pl.col("required") - pl.col("counted")
    return (
        pl.when(pl.col("requirement") == EARNED_AT_LEAST).then(missing).otherwise(-missing).clip(0)
    )
