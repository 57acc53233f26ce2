"""Grades: how they are spelled, what they are worth, and which state they put a subject in.

The one place that knows the ladder S A B C D E F. Which of several grades counts is decided in
`analytics/standings.py`.
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
LEAST_SEMESTER, LAST_SEMESTER = 1, 8
FIRST_LATERAL_SEMESTER = 3
NUMERIC_SUBJECT_CODE = r"^([1-8])[0-9]{2}[A-Z]{0,2}$"


class State(StrEnum):
    """What a grade makes of a subject: the vocabulary of `standings.state`."""

    PASSED = "passed"
    FAILED = "failed"
    ABSENT = "absent"
    PENDING = "pending"


OPEN_STATES = (State.FAILED, State.ABSENT)


def canonical_grade_expression(printed: str) -> pl.Expr:
    """The grades that a column of printed texts stands for; what is no grade stays as it stands."""
    text = pl.col(printed)
    return text.str.to_uppercase().replace_strict(
        GRADE_BY_SPELLING, default=text, return_dtype=pl.String
    )


def points_expression(grade: str = "grade") -> pl.Expr:
    """Grade points of a column of canonical grades; null for whatever is not decided yet."""
    return pl.col(grade).replace_strict(POINTS_BY_GRADE, default=None, return_dtype=pl.Int16)


def state_expression(grade: str = "grade") -> pl.Expr:
    """The state that a column of canonical grades puts its subjects in."""
    states = {
        **dict.fromkeys(PASSING_GRADES, State.PASSED.value),
        FAILED_GRADE: State.FAILED.value,
        ABSENT_GRADE: State.ABSENT.value,
    }
    return pl.col(grade).replace_strict(states, default=State.PENDING.value, return_dtype=pl.String)


def is_open(state: str = "state") -> pl.Expr:
    """Whether a subject is a backlog: failed or absent, never pending."""
    return pl.col(state).is_in([state.value for state in OPEN_STATES])


def is_pending(state: str = "state") -> pl.Expr:
    """Whether a subject is not decided yet: neither passed nor a backlog."""
    return pl.col(state) == State.PENDING.value


def semester_from_code(subject_code: str = "subject_code") -> pl.Expr:
    """The semester that a numeric code begins with (501 is of semester 5); null for other codes."""
    return pl.col(subject_code).str.extract(NUMERIC_SUBJECT_CODE, 1).cast(pl.Int16)
