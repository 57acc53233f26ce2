"""Grades, the points they carry, the state they give a subject, and the statuses of result lines.

Which of several grades is the effective one is decided in `analytics/standings.py`; how printed
text is parsed, in `pages/`.
"""

from enum import StrEnum

import polars as pl

POINTS_BY_GRADE = {"S": 10, "A": 9, "B": 8, "C": 7, "D": 6, "E": 5, "F": 0, "Ab": 0}
PASSING_GRADES = ("S", "A", "B", "C", "D", "E")
FAILED_GRADE = "F"
ABSENT_GRADE = "Ab"
OPEN_GRADES = (FAILED_GRADE, ABSENT_GRADE)
GRADE_BY_SPELLING = {
    **{grade.upper(): grade for grade in POINTS_BY_GRADE},
    "FAIL": FAILED_GRADE,
    "F AB": ABSENT_GRADE,
}


class State(StrEnum):
    """The state of a subject: the values of `standings.state`."""

    PASSED = "passed"
    FAILED = "failed"
    ABSENT = "absent"
    PENDING = "pending"


OPEN_STATES = (State.FAILED, State.ABSENT)


class ResultStatus(StrEnum):
    """The statuses known from real B.E. pages. Other statuses are stored as printed."""

    PASSED = "PASSED"
    PROMOTED = "PROMOTED"
    COMPLETED = "COMPLETED"
    ALREADY_PROMOTED = "ALREADY PROMOTED"
    DETAINED = "DETAINED"


# Printed without an SGPA, these statuses say that a subject of the semester is open.
OPEN_STATUSES = (ResultStatus.PROMOTED, ResultStatus.ALREADY_PROMOTED, ResultStatus.DETAINED)


def canonical_grade_expression(printed: str) -> pl.Expr:
    """Return the grades in a column of printed text; unknown text is returned as printed."""
    text = pl.col(printed)
    return text.str.to_uppercase().replace_strict(
        GRADE_BY_SPELLING, default=text, return_dtype=pl.String
    )


def points_expression(grade: str = "grade") -> pl.Expr:
    """Return the grade points of a column of canonical grades; null for pending grades."""
    return pl.col(grade).replace_strict(POINTS_BY_GRADE, default=None, return_dtype=pl.Int16)


def state_expression(grade: str = "grade") -> pl.Expr:
    """Return the state of the subject for a column of canonical grades."""
    states = {
        **dict.fromkeys(PASSING_GRADES, State.PASSED.value),
        FAILED_GRADE: State.FAILED.value,
        ABSENT_GRADE: State.ABSENT.value,
    }
    return pl.col(grade).replace_strict(states, default=State.PENDING.value, return_dtype=pl.String)


def has_passed() -> pl.Expr:
    """Whether the row's state is passed."""
    return pl.col("state") == State.PASSED.value


def is_open() -> pl.Expr:
    """Whether the row's state makes the subject a backlog: failed or absent, never pending."""
    return pl.col("state").is_in([state.value for state in OPEN_STATES])


def is_pending() -> pl.Expr:
    """Whether the university has not decided the subject: neither passed nor a backlog."""
    return pl.col("state") == State.PENDING.value
