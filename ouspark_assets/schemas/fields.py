"""Column fields that several tables share, so that each rule about a column is said once."""

from typing import Any

import pandera.polars as pa

from ouspark_assets.domain.grades import LAST_SEMESTER, LEAST_SEMESTER
from ouspark_assets.domain.hall_tickets import HALL_TICKET_PATTERN
from ouspark_assets.domain.releases import RELEASE_KEY_PATTERN

HIGHEST_GPA = 10
# Numbers of two decimals are the same when they differ by less than this.
EXACT = 0.001
MOST_CREDITS_OF_A_SUBJECT = 30
# No control, private or bidirectional characters, no line breaks, no mark of a byte that was lost:
# what PostgreSQL can't hold (NUL) and what garbles the text around it. (Spelled out because
# pandera compiles it with `re` and polars with Rust's regex.)
# Angle brackets are what remains of broken markup; no page prints them.
UNPRINTABLE = (
    r"<>\x00-\x1F\x7F-\x9F\xAD\u061C\u200B-\u200F\u2028-\u202E\u2060-\u206F"
    r"\uE000-\uF8FF\uFEFF\uFFF0-\uFFFF"
)
PRINTABLE_PATTERN = rf"^[^{UNPRINTABLE}]*$"
WITH_A_LETTER = rf"^[^{UNPRINTABLE}]*[^\W\d_][^{UNPRINTABLE}]*$"
FROM_A_LETTER = rf"^[^\W\d_][^{UNPRINTABLE}]*$"
WITHOUT_DIGITS = rf"^[^0-9{UNPRINTABLE}]*$"
# Every code seen has a digit: 501, 287A, OSC.3, FP&S2, PC 401 CS.
SUBJECT_CODE_PATTERN = r"^[A-Z&./()+_ -]*[0-9][A-Z0-9&./()+_ -]*$"
LONGEST_NAME, LONGEST_SUBJECT_NAME, LONGEST_WORD = 100, 200, 60
FIRST_ADMISSION_YEAR, LAST_ADMISSION_YEAR = 2000, 2099


def release(description: str = "Key of the release", **more: Any) -> Any:
    """A release key."""
    return pa.Field(str_matches=RELEASE_KEY_PATTERN, description=description, **more)


def hall_ticket(description: str = "Hall ticket, twelve digits", **more: Any) -> Any:
    """A hall ticket."""
    return pa.Field(str_matches=HALL_TICKET_PATTERN, description=description, **more)


def subject_code(description: str = "Subject code as the pages print it", **more: Any) -> Any:
    """A subject code."""
    return text(description, least=1, most=20, pattern=SUBJECT_CODE_PATTERN, **more)


def text(
    description: str,
    *,
    least: int = 0,
    most: int = LONGEST_WORD,
    pattern: str = PRINTABLE_PATTERN,
    **more: Any,
) -> Any:
    """Something printed, kept as it stands: of bounded length and safe to store and to show."""
    return pa.Field(
        str_length={"min_value": least, "max_value": most},
        str_matches=pattern,
        description=description,
        **more,
    )


def semester(description: str = "Semester 1 to 8", *, nullable: bool = False) -> Any:
    """A semester."""
    return pa.Field(
        in_range={"min_value": LEAST_SEMESTER, "max_value": LAST_SEMESTER},
        nullable=nullable,
        description=description,
    )


def credits_(description: str, *, nullable: bool = False, most: float | None = None) -> Any:
    """A number of credits."""
    limits: dict[str, Any] = {"le": most} if most is not None else {}
    return pa.Field(ge=0, nullable=nullable, description=description, **limits)


def gpa(description: str) -> Any:
    """An SGPA or CGPA; null where there is none to be had."""
    return pa.Field(
        in_range={"min_value": 0, "max_value": HIGHEST_GPA}, nullable=True, description=description
    )


def percent(description: str) -> Any:
    """A percentage; null where there is nothing to take it of."""
    return pa.Field(
        in_range={"min_value": 0, "max_value": 100}, nullable=True, description=description
    )


def count(description: str) -> Any:
    """A number of things."""
    return pa.Field(ge=0, description=description)


def admission_year(description: str = "Year of admission, four digits", **more: Any) -> Any:
    """A year of admission."""
    return pa.Field(
        in_range={"min_value": FIRST_ADMISSION_YEAR, "max_value": LAST_ADMISSION_YEAR},
        description=description,
        **more,
    )


def college_code(description: str = "College, four digits", **more: Any) -> Any:
    """A college code."""
    return pa.Field(str_matches=r"^[0-9]{4}$", description=description, **more)


def branch_code(description: str = "Branch, three digits", **more: Any) -> Any:
    """A branch code."""
    return pa.Field(str_matches=r"^[0-9]{3}$", description=description, **more)
