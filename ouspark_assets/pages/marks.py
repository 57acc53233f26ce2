"""Marks rows: typed columns from printed texts, and the problems that the texts alone show."""

import polars as pl

from ouspark_assets.domain.grades import canonical_grade_expression, points_expression
from ouspark_assets.domain.subjects import semester_from_code
from ouspark_assets.pages.row_validation import problems_where
from ouspark_assets.pages.vocabulary import EMPTY_VALUES, NO_CREDITS

CREDITS_PATTERN = r"^([0-9]{1,4}(\.[0-9]{1,2})?|\.[0-9]{1,2})$"
POINTS_PATTERN = r"^[0-9]{1,3}(\.0{1,2})?$"
# Some pages print the grade itself, or a word, in the points column.
LETTERS_PATTERN = r"^[A-Za-z][A-Za-z ]{0,5}$"
OTHER_GRADE = "the points column shows another grade"


def parse_marks(printed: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """Return the printed rows with typed columns added.

    `subjects` (subject_code, semester) supplies the semesters that the codes do not encode.
    """
    has_grade = ~pl.col("grade_text").is_in(EMPTY_VALUES)
    grade = canonical_grade_expression("grade_text")
    known = subjects.select("subject_code", pl.col("semester").cast(pl.Int16).alias("known"))
    return (
        printed.with_columns(
            _non_empty("subject_code_text").str.to_uppercase().alias("subject_code"),
            _non_empty("subject_name_text").alias("subject_name"),
            _credits().alias("credits"),
            pl.when(has_grade).then(grade).otherwise(pl.lit("")).alias("grade"),
        )
        .join(known, on="subject_code", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce(semester_from_code(), "known").alias("semester"),
            _points().alias("points"),
        )
        .with_columns(
            (~_points_is_number() & pl.col("points").is_not_null()).alias("points_derived")
        )
    )


def find_mark_problems(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the problems that the texts alone show; the columns' own rules are in the model."""
    points = pl.col("points_text")
    credits_lost = pl.col("credits").is_null() & (pl.col("credits_text") != "")
    points_lost = ~(
        _points_is_number()
        | points.is_in([*EMPTY_VALUES, NO_CREDITS])
        | points.str.contains(LETTERS_PATTERN)
    )
    shown = frame.with_columns(canonical_grade_expression("points_text").alias("_shown"))
    shows_grade = points_expression("_shown").is_not_null()
    return [
        problems_where(frame, credits_lost, "credits can't be read", "credits"),
        problems_where(frame, points_lost, "points can't be read", "points"),
        problems_where(shown, shows_grade & (pl.col("_shown") != pl.col("grade")), OTHER_GRADE),
    ]


def _non_empty(column: str) -> pl.Expr:
    return pl.when(~pl.col(column).is_in(EMPTY_VALUES)).then(pl.col(column))


def _credits() -> pl.Expr:
    text = pl.col("credits_text")
    number = pl.when(text.str.contains(CREDITS_PATTERN)).then(text).cast(pl.Float64, strict=False)
    return pl.when(text == NO_CREDITS).then(0.0).otherwise(number)


def _points() -> pl.Expr:
    """Return the printed points; if none can be read, the points of the grade."""
    number = pl.when(_points_is_number()).then(pl.col("points_text")).cast(pl.Float64, strict=False)
    of_grade = points_expression()
    # Pending grades have no points. The zero that some pages print for them is ignored.
    is_pending_zero = of_grade.is_null() & (number == 0)
    printed = pl.when(~is_pending_zero).then(number).cast(pl.Int16)
    return pl.when(_points_is_number()).then(printed).otherwise(of_grade)


def _points_is_number() -> pl.Expr:
    return pl.col("points_text").str.contains(POINTS_PATTERN)
