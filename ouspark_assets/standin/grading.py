"""Grades, statuses and GPAs of the stand-in as numbers.

Nothing here is shared with the pipeline, whose results are compared with the exported truth. How
pages spell a grade is in `page_templates.py`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

GRADES: Final = ("S", "A", "B", "C", "D", "E", "F", "Ab", "", "WH", "MP", "RL")
MIN_MARKS: Final = (90, 80, 70, 60, 50, 40)
E, F, ABSENT, WITHHELD_BLANK, WITHHELD, MALPRACTICE, RESULT_LATER = 5, 6, 7, 8, 9, 10, 11
NEVER_SAT: Final = -1
NOT_PASSED: Final = 127
UNDECIDED: Final = -1

POINTS: Final = np.array([10, 9, 8, 7, 6, 5, 0, 0, *[UNDECIDED] * 4], dtype=np.int16)
STATES: Final = ("passed",) * 6 + ("failed", "absent") + ("pending",) * 4

STATUSES: Final = ("PASSED", "PROMOTED", "COMPLETED", "ALREADY PROMOTED", "DETAINED")
PASSED, PROMOTED, COMPLETED, ALREADY_PROMOTED, DETAINED = range(5)
NO_GPA: Final = 2047

Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]


def grade_marks(marks: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the grades of marks out of 100: S from 90, one grade less per 10, F below 40."""
    grade = np.zeros(marks.shape, dtype=np.int8)
    for minimum in MIN_MARKS:
        grade += marks < minimum
    return grade


def is_pass(grade: Ints) -> Bools:
    """Return where a grade passes the subject."""
    return np.asarray((grade >= 0) & (grade <= E))


def is_open(grade: Ints) -> Bools:
    """Return where a grade is a backlog: failed or absent."""
    return np.asarray((grade == F) | (grade == ABSENT))


def is_pending(grade: Ints) -> Bools:
    """Return where the university has not decided yet."""
    return np.asarray(grade > ABSENT)


def compute_gpa(weighted_points: Ints, weights: Ints) -> NDArray[np.int64]:
    """Return Σ(credits × points) / Σ credits in hundredths, rounded half up.

    `NO_GPA` where there are no credits. Integers only, because a float may hold 8.125 as slightly
    less and round it down.
    """
    divisor = np.maximum(weights.astype(np.int64), 1)
    rounded = (200 * weighted_points.astype(np.int64) + divisor) // (2 * divisor)
    return np.where(weights > 0, rounded, NO_GPA)


def format_hundredths(value: int) -> str:
    """Return hundredths as pages print them: 805 as 8.05, 810 as 8.1, 800 as 8."""
    whole, rest = divmod(value, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)
