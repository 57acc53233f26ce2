"""Subject rows: from printed texts to typed columns, and what can't be right about them."""

import polars as pl

from ouspark_assets.domain.grades import canonical_grade_expression, points_expression
from ouspark_assets.domain.subjects import semester_from_code
from ouspark_assets.pages.problems import problems_where
from ouspark_assets.pages.vocabulary import NO_CREDITS, NOTHING

CREDITS_PATTERN = r"^([0-9]{1,4}(\.[0-9]{1,2})?|\.[0-9]{1,2})$"
POINTS_PATTERN = r"^[0-9]{1,3}(\.0{1,2})?$"
# Pages print the grade itself, or a word, where its points belong.
LETTERS_PATTERN = r"^[A-Za-z][A-Za-z ]{0,5}$"
OTHER_GRADE = "the points column shows another grade"


def typed_marks(printed: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """The printed rows with typed columns beside their texts."""
    known = subjects.select("subject_code", pl.col("semester").cast(pl.Int16).alias("known"))
    return (
        printed.with_columns(
            _or_null("subject_code_text").str.to_uppercase().alias("subject_code"),
            _or_null("subject_name_text").alias("subject_name"),
            _credits().alias("credits"),
            _grade().alias("grade"),
        )
        .join(known, on="subject_code", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce(semester_from_code(), "known").alias("semester"),
            _points().alias("points"),
        )
        .with_columns((~_is_number() & pl.col("points").is_not_null()).alias("points_derived"))
    )


def mark_problems(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """What the texts alone show to be wrong; the rules of the columns are the model's."""
    credits_lost = pl.col("credits").is_null() & (pl.col("credits_text") != "")
    points_lost = ~(_is_number() | _is_silent() | _is_letters())
    shown = canonical_grade_expression("points_text")
    other = points_expression("_shown").is_not_null() & (pl.col("_shown") != pl.col("grade"))
    return [
        problems_where(frame, credits_lost, "credits can't be read", "credits"),
        problems_where(frame, points_lost, "points can't be read", "points"),
        problems_where(frame.with_columns(shown.alias("_shown")), other, OTHER_GRADE),
    ]


def _or_null(column: str) -> pl.Expr:
    return pl.when(~pl.col(column).is_in(NOTHING)).then(pl.col(column))


def _grade() -> pl.Expr:
    blank = pl.col("grade_text").is_in(NOTHING)
    return pl.when(~blank).then(canonical_grade_expression("grade_text")).otherwise(pl.lit(""))


def _credits() -> pl.Expr:
    text = pl.col("credits_text")
    number = pl.when(text.str.contains(CREDITS_PATTERN)).then(text).cast(pl.Float64, strict=False)
    return pl.when(text == NO_CREDITS).then(0.0).otherwise(number)


def _points() -> pl.Expr:
    """Printed points; those of the grade where none are printed, or none that can be read."""
    number = pl.when(_is_number()).then(pl.col("points_text")).cast(pl.Float64, strict=False)
    of_grade = points_expression()
    # Undecided grades carry no points: the zero that some pages print for them says nothing.
    undecided = of_grade.is_null() & (number == 0)
    printed = pl.when(~undecided).then(number).cast(pl.Int16)
    return pl.when(_is_number()).then(printed).otherwise(of_grade)


def _is_number() -> pl.Expr:
    return pl.col("points_text").str.contains(POINTS_PATTERN)


def _is_silent() -> pl.Expr:
    return pl.col("points_text").is_in([*NOTHING, NO_CREDITS])


def _is_letters() -> pl.Expr:
    return pl.col("points_text").str.contains(LETTERS_PATTERN)
