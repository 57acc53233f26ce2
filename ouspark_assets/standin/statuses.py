"""The status a page prints for each semester of a student, and the rule of promotion behind it.

PASSED: the current semester is clear and nothing is left of others. PROMOTED without SGPA:
something of it is not. PROMOTED with SGPA: it is clear, but an older one is not. COMPLETED and
ALREADY PROMOTED: an older semester that is clear, or still is not.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohort import Cohort, Progress, by_semester, progress_of
from ouspark_assets.standin.curriculum import SEMESTERS
from ouspark_assets.standin.grading import (
    ALREADY_PROMOTED,
    COMPLETED,
    DETAINED,
    NEVER_SAT,
    PASSED,
    PROMOTED,
    UNDECIDED,
)
from ouspark_assets.standin.release_calendar import Release, detention_applies

NUMBERS: Final = np.arange(1, SEMESTERS + 1)
END_OF_FIRST_YEAR: Final = 2


def statuses_of(cohort: Cohort, progress: Progress, grade: NDArray[np.int8]) -> NDArray[np.int8]:
    """Per student and semester the status to print, `UNDECIDED` where the page has no line.

    A page has a line for each semester that it has marks of, and for each older one not clear.
    """
    here = np.asarray(by_semester(grade != NEVER_SAT).any(2))
    unclear = progress.sat & ~progress.clear
    of_last = cohort.semester[:, None] == NUMBERS
    current = of_last & cohort.took_current[:, None]
    unclear_elsewhere = np.asarray((unclear & ~current).any(1))[:, None]
    when_current = np.where(unclear | unclear_elsewhere, PROMOTED, PASSED)
    when_older = np.where(unclear, ALREADY_PROMOTED, COMPLETED)
    status = np.where(current, when_current, when_older)
    status = np.where(of_last & unclear & cohort.detained[:, None], DETAINED, status)
    printed = here | (unclear & np.asarray(here.any(1))[:, None])
    return np.where(printed, status, UNDECIDED).astype(np.int8)


def decide_detention(cohort: Cohort, release: Release) -> None:
    """Hold back, at the end of a year of study, those who miss the least credits.

    Only whose last semester is not clear is held back; nobody in a year that waives the rule.
    """
    if not release.even_session or not cohort.took_current.any():
        return
    short = _misses_the_least_credits(cohort, progress_of(cohort))
    held = short if detention_applies(release) else np.zeros_like(short)
    cohort.detained = np.where(cohort.took_current, held, cohort.detained)


def _misses_the_least_credits(cohort: Cohort, progress: Progress) -> NDArray[np.bool_]:
    """II to III asks for half the credits of I and II, later years allow backlogs of as many."""
    unclear = progress.sat & ~progress.clear
    of_last = cohort.semester[:, None] == NUMBERS
    of_year = of_last | (cohort.semester[:, None] - 1 == NUMBERS)
    year = (progress.half_credits * of_year).sum(1)
    earned = (progress.earned * of_year).sum(1)
    left = (progress.half_credits - progress.earned).sum(1)
    short = np.where(cohort.semester == END_OF_FIRST_YEAR, 2 * earned < year, 2 * left > year)
    return np.asarray(short & (unclear & of_last).any(1) & (cohort.semester < SEMESTERS))
