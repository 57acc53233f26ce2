"""Subjects: their kinds, the range of semesters, and the semester encoded in a subject code.

Names, credits and kinds of single subjects are reference data (`reference/subjects.csv`).
"""

from enum import StrEnum

import polars as pl

FIRST_SEMESTER, LAST_SEMESTER = 1, 8
FIRST_LATERAL_SEMESTER = 3
NUMERIC_SUBJECT_CODE = r"^([1-8])[0-9]{2}[A-Z]{0,2}$"


class SubjectKind(StrEnum):
    """Whether a subject is taught in a classroom or in a laboratory."""

    THEORY = "theory"
    LABORATORY = "laboratory"


def semester_from_code(subject_code: str = "subject_code") -> pl.Expr:
    """Return the first digit of a numeric code (501 is in semester 5); null for other codes."""
    return pl.col(subject_code).str.extract(NUMERIC_SUBJECT_CODE, 1).cast(pl.Int16)
