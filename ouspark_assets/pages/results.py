"""Semester lines: status, SGPA and CGPA out of what is printed, and what can't be right in them."""

import polars as pl

from ouspark_assets.domain.grades import ResultStatus, is_open, state_expression
from ouspark_assets.pages.problems import problems_where
from ouspark_assets.pages.vocabulary import NOTHING

_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
SEMESTER_BY_TEXT = {
    **{roman: number for number, roman in enumerate(_ROMAN, 1)},
    **{str(number): number for number in range(100)},
    **{f"{number:02d}": number for number in range(10)},
}
SEMESTER_WORD = r"SEM(ESTER)?"
DASHES = r"[\x{2010}-\x{2015}\x{2212}]"
# A status, dashes, and what begins like a number; or a status, blanks and a plain number.
WITH_SGPA = (
    r"^(?<status>[^0-9]*?)(?:\s*-+\s*(?<dashed>[0-9].*)|\s+(?<plain>[0-9]{1,2}(?:\.[0-9]{1,2})?))$"
)
GPA_PATTERN = r"^[0-9]{1,2}(\.[0-9]{1,2})?$"
A_YEAR = "the line is for a year, not for a semester"
SGPA_BESIDE_A_FAIL = "an SGPA is printed although the page shows a fail in that semester"


def typed_results(printed: pl.DataFrame) -> pl.DataFrame:
    """The printed lines with typed columns beside their texts."""
    line = pl.col("_line").str.extract_groups(WITH_SGPA)
    return (
        printed.with_columns(_result().alias("_line"), _cgpa_text().alias("_cgpa"))
        .with_columns(
            line.struct["status"].alias("_status"),
            pl.coalesce(line.struct["dashed"], line.struct["plain"]).alias("_sgpa"),
        )
        .with_columns(
            _semester().alias("semester"),
            _status().alias("status"),
            _number("_sgpa").alias("sgpa_printed"),
            _number("_cgpa").alias("cgpa_printed"),
        )
    )


def result_problems(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """What the texts alone show to be wrong; the rules of the columns are the model's."""
    printed = pl.col("semester_text") + pl.col("year_text")
    annual = _is_annual() & pl.col("semester").is_null()
    semester_lost = pl.col("semester").is_null() & (printed != "") & ~annual
    sgpa_lost = pl.col("_sgpa").is_not_null() & pl.col("sgpa_printed").is_null()
    cgpa_lost = pl.col("cgpa_printed").is_null() & ~pl.col("_cgpa").is_in(NOTHING)
    return [
        problems_where(frame, annual, A_YEAR, "semester"),
        problems_where(frame, semester_lost, "semester can't be read", "semester"),
        problems_where(frame, sgpa_lost, "sgpa_printed can't be read", "sgpa_printed"),
        problems_where(frame, cgpa_lost, "cgpa_printed can't be read", "cgpa_printed"),
    ]


def sgpa_problems(results: pl.DataFrame, marks: pl.DataFrame) -> pl.DataFrame:
    """The current semester's line, with an SGPA although the page shows a fail in that semester.

    An older semester may show a fail beside its SGPA: a passed subject that was sat once more for
    a better grade, and the earlier pass stands.
    """
    failed = marks.with_columns(state_expression().alias("state")).filter(is_open())
    is_current = pl.col("semester") == pl.col("semester").max().over("hall_ticket")
    lines = results.filter(is_current, pl.col("sgpa_printed").is_not_null()).join(
        failed, on=["hall_ticket", "semester"], how="semi"
    )
    return problems_where(lines, pl.lit(value=True), SGPA_BESIDE_A_FAIL)


def _is_annual() -> pl.Expr:
    return pl.col("year_text") != ""


def _semester() -> pl.Expr:
    """Roman or arabic, with or without the word; from a column of years only with the word."""
    text = (pl.col("semester_text") + pl.col("year_text")).str.to_uppercase()
    number = (
        text.str.replace(SEMESTER_WORD, "")
        .str.strip_chars(" .-")
        .replace_strict(SEMESTER_BY_TEXT, default=None, return_dtype=pl.Int16)
    )
    return pl.when(~_is_annual() | text.str.contains(SEMESTER_WORD)).then(number)


def _result() -> pl.Expr:
    """The result's text: where its column is silent, the word that stands in the CGPA's."""
    text = pl.when(_is_displaced()).then(pl.col("cgpa_text")).otherwise(pl.col("result_text"))
    return text.str.replace_all(DASHES, "-")


def _cgpa_text() -> pl.Expr:
    text = pl.when(_is_displaced()).then(pl.lit("")).otherwise(pl.col("cgpa_text"))
    return text.str.replace_all(DASHES, "-")


def _is_displaced() -> pl.Expr:
    word = pl.col("cgpa_text").str.contains(r"^\p{L}")
    return pl.col("result_text").is_in(NOTHING) & word


def _status() -> pl.Expr:
    text = pl.coalesce("_status", "_line").str.strip_chars(" -").replace("", None)
    upper = text.str.to_uppercase()
    known = upper.is_in([status.value for status in ResultStatus])
    return pl.when(known).then(upper).otherwise(text)


def _number(column: str) -> pl.Expr:
    text = pl.col(column)
    return pl.when(text.str.contains(GPA_PATTERN)).then(text).cast(pl.Float64, strict=False)
