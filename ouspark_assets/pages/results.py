"""Semester lines: typed columns from printed texts, and the problems that the texts alone show."""

import polars as pl

from ouspark_assets.domain.grades import ResultStatus, is_open, state_expression
from ouspark_assets.pages.row_validation import problems_where
from ouspark_assets.pages.vocabulary import EMPTY_VALUES

_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
SEMESTER_BY_TEXT = {
    **{roman: number for number, roman in enumerate(_ROMAN, 1)},
    **{str(number): number for number in range(100)},
    **{f"{number:02d}": number for number in range(10)},
}
SEMESTER_WORD = r"SEM(ESTER)?"
DASHES = r"[\x{2010}-\x{2015}\x{2212}]"
# A status, dashes and text that begins with a digit; or a status, blanks and a plain number.
WITH_SGPA = (
    r"^(?<status>[^0-9]*?)(?:\s*-+\s*(?<dashed>[0-9].*)|\s+(?<plain>[0-9]{1,2}(?:\.[0-9]{1,2})?))$"
)
GPA_PATTERN = r"^[0-9]{1,2}(\.[0-9]{1,2})?$"
YEAR_LINE = "the line is for a year, not for a semester"
SGPA_WITH_A_FAIL = "an SGPA is printed although the page shows a fail in that semester"


def parse_results(printed: pl.DataFrame) -> pl.DataFrame:
    """Return the printed lines with typed columns added."""
    line = pl.col("_line").str.extract_groups(WITH_SGPA)
    cgpa, result = pl.col("cgpa_text"), pl.col("result_text")
    # If the result column is empty, a word in the CGPA column is the result.
    is_in_cgpa_column = result.is_in(EMPTY_VALUES) & cgpa.str.contains(r"^\p{L}")
    result = pl.when(is_in_cgpa_column).then(cgpa).otherwise(result)
    cgpa = pl.when(is_in_cgpa_column).then(pl.lit("")).otherwise(cgpa)
    return (
        printed.with_columns(
            result.str.replace_all(DASHES, "-").alias("_line"),
            cgpa.str.replace_all(DASHES, "-").alias("_cgpa"),
        )
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


def find_result_problems(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the problems that the texts alone show; the columns' own rules are in the model."""
    printed = pl.col("semester_text") + pl.col("year_text")
    is_year_line = _has_year() & pl.col("semester").is_null()
    semester_lost = pl.col("semester").is_null() & (printed != "") & ~is_year_line
    sgpa_lost = pl.col("_sgpa").is_not_null() & pl.col("sgpa_printed").is_null()
    cgpa_lost = pl.col("cgpa_printed").is_null() & ~pl.col("_cgpa").is_in(EMPTY_VALUES)
    return [
        problems_where(frame, is_year_line, YEAR_LINE, "semester"),
        problems_where(frame, semester_lost, "semester can't be read", "semester"),
        problems_where(frame, sgpa_lost, "sgpa_printed can't be read", "sgpa_printed"),
        problems_where(frame, cgpa_lost, "cgpa_printed can't be read", "cgpa_printed"),
    ]


def find_sgpa_problems(results: pl.DataFrame, marks: pl.DataFrame) -> pl.DataFrame:
    """Return a problem for a line of the latest semester that has an SGPA in spite of a fail.

    An older semester may have both an SGPA and a fail: the student sat a passed subject once more
    for a better grade, and the earlier pass still counts.
    """
    failed = marks.with_columns(state_expression().alias("state")).filter(is_open())
    is_latest = pl.col("semester") == pl.col("semester").max().over("hall_ticket")
    lines = results.filter(is_latest, pl.col("sgpa_printed").is_not_null()).join(
        failed, on=["hall_ticket", "semester"], how="semi"
    )
    return problems_where(lines, pl.lit(value=True), SGPA_WITH_A_FAIL)


def _has_year() -> pl.Expr:
    return pl.col("year_text") != ""


def _semester() -> pl.Expr:
    """Return the semester, roman or arabic; in a column of years, only if the word is there."""
    text = (pl.col("semester_text") + pl.col("year_text")).str.to_uppercase()
    number = (
        text.str.replace(SEMESTER_WORD, "")
        .str.strip_chars(" .-")
        .replace_strict(SEMESTER_BY_TEXT, default=None, return_dtype=pl.Int16)
    )
    return pl.when(~_has_year() | text.str.contains(SEMESTER_WORD)).then(number)


def _status() -> pl.Expr:
    text = pl.coalesce("_status", "_line").str.strip_chars(" -").replace("", None)
    upper = text.str.to_uppercase()
    known = upper.is_in([status.value for status in ResultStatus])
    return pl.when(known).then(upper).otherwise(text)


def _number(column: str) -> pl.Expr:
    text = pl.col(column)
    return pl.when(text.str.contains(GPA_PATTERN)).then(text).cast(pl.Float64, strict=False)
