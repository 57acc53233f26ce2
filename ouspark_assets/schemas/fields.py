"""Column fields that several tables share, so that each rule about a column is written once.

Each function returns a Pandera field with the checks of its kind of column. The description is
shown in the UI.
"""

from typing import Any

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.hall_tickets import HALL_TICKET_PATTERN
from ouspark_assets.domain.releases import RELEASE_KEY_PATTERN
from ouspark_assets.domain.subjects import FIRST_SEMESTER, LAST_SEMESTER

MAX_GPA = 10
# Two-decimal numbers are equal when they differ by less than this.
TOLERANCE = 0.001
MAX_SUBJECT_CREDITS = 30
# Excluded are control, private-use and bidirectional characters, line breaks and the replacement
# character: PostgreSQL cannot store NUL, and the others garble the surrounding text. They are
# spelled out because pandera compiles the pattern with `re` and polars with Rust's regex.
# Angle brackets are excluded because they are left over from broken markup; no page prints them.
UNPRINTABLE = (
    r"<>\x00-\x1F\x7F-\x9F\xAD\u061C\u200B-\u200F\u2028-\u202E\u2060-\u206F"
    r"\uE000-\uF8FF\uFEFF\uFFF0-\uFFFF"
)
PRINTABLE_PATTERN = rf"^[^{UNPRINTABLE}]*$"
WITH_A_LETTER = rf"^[^{UNPRINTABLE}]*[^\W\d_][^{UNPRINTABLE}]*$"
FROM_A_LETTER = rf"^[^\W\d_][^{UNPRINTABLE}]*$"
WITHOUT_DIGITS = rf"^[^0-9{UNPRINTABLE}]*$"
# Every code seen so far has a digit: 501, 287A, OSC.3, FP&S2, PC 401 CS.
SUBJECT_CODE_PATTERN = r"^[A-Z&./()+_ -]*[0-9][A-Z0-9&./()+_ -]*$"
MAX_NAME_LENGTH, MAX_SUBJECT_NAME_LENGTH, MAX_TEXT_LENGTH = 100, 200, 60
MAX_SUBJECT_CODE_LENGTH = 20
# The sentences seen instead of a result have up to 80 characters.
MAX_SENTENCE_LENGTH = 400
FIRST_ADMISSION_YEAR, LAST_ADMISSION_YEAR = 2000, 2099


class TableModel(pa.DataFrameModel):
    """A model that accepts no other columns than its own. `Table` adds that its key is unique."""

    class Config:
        """Pandera's options for every table."""

        strict = True


def row_rule(name: str, *conditions: pl.Expr) -> Any:
    """Return a check that all conditions hold in every row; `name` is shown in the UI."""
    return pa.dataframe_check(
        lambda _, data: data.lazyframe.select(pl.all_horizontal(conditions)), name=name
    )


def release(description: str = "Key of the release.", **more: Any) -> Any:
    """Return a field for a release key."""
    return pa.Field(str_matches=RELEASE_KEY_PATTERN, description=description, **more)


def hall_ticket(description: str = "Hall ticket (12 digits).", **more: Any) -> Any:
    """Return a field for a hall ticket."""
    return pa.Field(str_matches=HALL_TICKET_PATTERN, description=description, **more)


def subject_code(description: str = "Subject code as the pages print it.", **more: Any) -> Any:
    """Return a field for a subject code."""
    return text(
        description,
        min_length=1,
        max_length=MAX_SUBJECT_CODE_LENGTH,
        pattern=SUBJECT_CODE_PATTERN,
        **more,
    )


def text(
    description: str,
    *,
    min_length: int = 0,
    max_length: int = MAX_TEXT_LENGTH,
    pattern: str = PRINTABLE_PATTERN,
    **more: Any,
) -> Any:
    """Return a field for printed text of limited length that is safe to store and to display."""
    return pa.Field(
        str_length={"min_value": min_length, "max_value": max_length},
        str_matches=pattern,
        description=description,
        **more,
    )


def semester(description: str = "Semester, 1 to 8.", *, nullable: bool = False) -> Any:
    """Return a field for a semester."""
    return pa.Field(
        in_range={"min_value": FIRST_SEMESTER, "max_value": LAST_SEMESTER},
        nullable=nullable,
        description=description,
    )


def credits_(description: str, *, nullable: bool = False, maximum: float | None = None) -> Any:
    """Return a field for a number of credits."""
    limits: dict[str, Any] = {"le": maximum} if maximum is not None else {}
    return pa.Field(ge=0, nullable=nullable, description=description, **limits)


def points(description: str) -> Any:
    """Return a field for grade points, or for a difference of grade points; nullable."""
    return pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": MAX_GPA},
        description=description,
    )


def gpa(description: str) -> Any:
    """Return a field for an SGPA or a CGPA; nullable."""
    return points(description)


def percent(description: str) -> Any:
    """Return a field for a percentage; nullable, for a percentage of nothing."""
    return pa.Field(
        in_range={"min_value": 0, "max_value": 100}, nullable=True, description=description
    )


def count(description: str) -> Any:
    """Return a field for a count."""
    return pa.Field(ge=0, description=description)


def admission_year(description: str = "Year of admission (four digits).", **more: Any) -> Any:
    """Return a field for a year of admission."""
    return pa.Field(
        in_range={"min_value": FIRST_ADMISSION_YEAR, "max_value": LAST_ADMISSION_YEAR},
        description=description,
        **more,
    )


def college_code(description: str = "College code (four digits).", **more: Any) -> Any:
    """Return a field for a college code."""
    return pa.Field(str_matches=r"^[0-9]{4}$", description=description, **more)


def branch_code(description: str = "Branch code (three digits).", **more: Any) -> Any:
    """Return a field for a branch code."""
    return pa.Field(str_matches=r"^[0-9]{3}$", description=description, **more)
