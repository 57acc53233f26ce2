"""How the population is graded: the ladder, the statuses, and rounding in whole numbers.

Numbers only. How a grade is spelled on a page is `page_style.py`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

GRADES: Final = ("S", "A", "B", "C", "D", "E", "F", "Ab", "", "WH", "MP", "RL")
LEAST_MARKS: Final = (90, 80, 70, 60, 50, 40)
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


def grade_of_marks(marks: NDArray[np.float32]) -> NDArray[np.int8]:
    """The grade of marks out of a hundred: S from 90 down to E from 40, below that F."""
    grade = np.zeros(marks.shape, dtype=np.int8)
    for least in LEAST_MARKS:
        grade += marks < least
    return grade


def is_pass(grade: Ints) -> Bools:
    """Whether a grade passes the subject."""
    return np.asarray((grade >= 0) & (grade <= E))


def is_open(grade: Ints) -> Bools:
    """Whether a grade leaves a backlog: failed or absent, never undecided."""
    return np.asarray((grade == F) | (grade == ABSENT))


def is_pending(grade: Ints) -> Bools:
    """Whether a grade is neither pass nor fail yet."""
    return np.asarray(grade > ABSENT)


def hundredths(weighted_points: Ints, weights: Ints) -> NDArray[np.int64]:
    """Σ(credits × points) / Σ credits in hundredths, half up; `NO_GPA` where there are no credits.

    Whole numbers all the way: 8.125 must not depend on how a float happens to hold it.
    """
    divisor = np.maximum(weights.astype(np.int64), 1)
    rounded = (200 * weighted_points.astype(np.int64) + divisor) // (2 * divisor)
    return np.where(weights > 0, rounded, NO_GPA)


def two_decimals(value: int) -> str:
    """Hundredths as pages print them: 805 is 8.05, 810 is 8.1, 800 is 8."""
    whole, rest = divmod(value, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)
