"""The vocabulary of result pages: labels, headers, and the spellings of known values.

Data only. A word that is not listed here is never guessed at: it is kept, counted and reported.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from ouspark_assets.domain.releases import Scheme

MAX_LABEL_LENGTH = 40


class Section(StrEnum):
    """The parts of a page."""

    PERSONAL = "personal"
    MARKS = "marks"
    RESULTS = "results"


SECTION_BY_TABLE_ID = {
    "autonumber3": Section.PERSONAL,
    "autonumber4": Section.MARKS,
    "autonumber5": Section.RESULTS,
}
SEARCH_BOX_ID = "autonumber6"
FIELD_BY_LABEL = {
    "hall ticket no": "hall_ticket",
    "name": "name",
    "father's name": "father_name",
    "gender": "gender",
    "course": "course",
    "medium": "medium",
}
FIELD_BY_HEADER: Mapping[Section, Mapping[str, str]] = {
    Section.MARKS: {
        "sub code": "subject_code",
        "subject name": "subject_name",
        "credits": "credits",
        "grade points": "points",
        "grade secured": "grade",
    },
    Section.RESULTS: {
        "semester": "semester",
        "year": "year",
        "result with sgpa": "result",
        "result": "result",
        "over all cgpa": "cgpa",
        "overall cgpa": "cgpa",
    },
}
# A table must have at least one column of each group; otherwise it is not read.
REQUIRED_HEADERS: Mapping[Section, Mapping[str, tuple[str, ...]]] = {
    Section.MARKS: {
        "Sub Code": ("subject_code",),
        "Credits": ("credits",),
        "Grade Secured": ("grade",),
    },
    Section.RESULTS: {"Semester": ("semester", "year"), "Result With SGPA": ("result",)},
}
REQUIRED_LABELS = {"Hall Ticket No.": "hall ticket no", "Name": "name"}
TITLES = frozenset({"personal details", "marks details", "result"})
FOOTER = "this information is provided"
LAST_LINE = "0"
# Part of the headers in tables from before letter grades.
MARKS_INSTEAD_OF_GRADES = "marks"

GENDERS = {"MALE": "MALE", "M": "MALE", "FEMALE": "FEMALE", "F": "FEMALE"}
# The keys have no blanks, dots, hyphens or brackets: the key of B.E. (Non-CBCS) is BENONCBCS.
COURSES = {
    "BE": "BE",
    **{f"BE{scheme.value.upper().replace('-', '')}": f"BE({scheme.value})" for scheme in Scheme},
}
MEDIUMS = {"ENGLISH": "ENGLISH", "ENG": "ENGLISH", "E": "ENGLISH"}
# Printed for a value that does not exist.
EMPTY_VALUES = ("", "-", "--", "---")
# Printed as the credits of a subject without credits.
NO_CREDITS = "="


@lru_cache(maxsize=8192)
def _key(text: str) -> str:
    return text.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").rstrip(" .:")


def label_key(text: str) -> str:
    """Return the lookup key of a label or header: without case and trailing dots and colons."""
    return _key(text) if len(text) <= MAX_LABEL_LENGTH else ""
