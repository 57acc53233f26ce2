"""The grades of the stand-in and the rounding of its GPAs, compared with exact decimals."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.standin.grading import (
    GRADES,
    NO_GPA,
    POINTS,
    STATES,
    compute_gpa,
    format_hundredths,
    grade_marks,
)


@pytest.mark.parametrize(
    ("marks", "grade"),
    [
        (100, "S"), (90, "S"), (89.9, "A"), (80, "A"), (79.9, "B"), (70, "B"), (60, "C"),
        (50, "D"), (49.9, "E"), (40, "E"), (39.9, "F"), (-5, "F"),
    ],
)  # fmt: skip
def test_marks_get_the_grade_of_the_regulations(marks: float, grade: str) -> None:
    assert GRADES[grade_marks(np.array([marks], dtype=np.float32))[0]] == grade


def test_passes_have_ten_to_five_points_and_a_failure_none() -> None:
    worth = dict(zip(GRADES, POINTS.tolist(), strict=True))
    assert [worth[grade] for grade in "SABCDEF"] == [10, 9, 8, 7, 6, 5, 0]
    assert worth["Ab"] == 0
    assert {STATES[place] for place, points in enumerate(POINTS) if points < 0} == {"pending"}


@given(st.lists(st.tuples(st.integers(1, 16), st.integers(5, 10)), min_size=1, max_size=80))
def test_gpas_are_rounded_half_up(rows: list[tuple[int, int]]) -> None:
    weighted = sum(weight * points for weight, points in rows)
    weights = sum(weight for weight, _ in rows)
    exact = Decimal(weighted) / Decimal(weights)
    rounded = exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    assert compute_gpa(np.array([weighted]), np.array([weights])).tolist() == [int(rounded * 100)]


def test_without_credits_there_is_no_gpa() -> None:
    assert compute_gpa(np.array([0]), np.array([0])).tolist() == [NO_GPA]


@given(st.integers(0, 1000))
def test_printed_gpas_drop_only_trailing_zeros(value: int) -> None:
    printed = format_hundredths(value)
    assert Decimal(printed) * 100 == value
    assert not ("." in printed and printed.endswith("0"))
