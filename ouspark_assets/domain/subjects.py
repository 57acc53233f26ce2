"""Subjects: kinds, semesters, the semester encoded in a code, and chains of equivalent codes.

Names, credits and kinds of single subjects are reference data (`reference/subjects.csv`), and so is
which codes are equivalent (`reference/equivalent_codes.csv`).
"""

from collections.abc import Mapping
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


def chain_of_codes(code: str, newer: Mapping[str, str]) -> list[str]:
    """Return the code and the newer codes it counts as, one after the other, up to the newest.

    A cycle ends with the code that occurs a second time.
    """
    chain = [code]
    while (code := newer.get(code, "")) and len(set(chain)) == len(chain):
        chain.append(code)
    return chain


def newest_codes(newer: Mapping[str, str]) -> dict[str, str]:
    """Return the newest code that each older code counts as."""
    return {code: chain_of_codes(code, newer)[-1] for code in newer}
