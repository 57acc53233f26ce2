"""Revaluation: which grades of a main release change, mostly upwards, and what that prints.

Only whose grade changes has a page; it shows all rows of the main page with the new grades.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohort import Cohort
from ouspark_assets.standin.curriculum import curricula
from ouspark_assets.standin.examinations import marks_of
from ouspark_assets.standin.grading import (
    MALPRACTICE,
    NEVER_SAT,
    E,
    F,
    grade_of_marks,
    is_pass,
    is_pending,
)
from ouspark_assets.standin.printed_rows import Sheets, sheets_of
from ouspark_assets.standin.randomness import stream, uniform
from ouspark_assets.standin.release_calendar import Release
from ouspark_assets.standin.statuses import decide_detention

# Chances per row of a theory paper; laboratories are not revalued.
FAIL_BECOMES_PASS, PASS_RISES, PASS_SINKS = 0.10, 0.012, 0.0015
PENDING_IS_DECIDED: Final = 0.8
EASE_OF_LABORATORIES: Final = 8


def revalue(cohort: Cohort, release: Release, seed: int) -> Sheets:
    """Revalue the latest main session of a cohort and print the pages that changed."""
    source = stream(seed, "revaluation", release.ordinal, cohort.number)
    before = cohort.printed
    after = _revalued(cohort, before, source)
    changed = (after != before).any(1)
    grade = np.where(changed[:, None], after, NEVER_SAT).astype(np.int8)
    cohort.record(release.ordinal, grade, attempt=False)
    held = cohort.detained
    decide_detention(cohort, release)
    cohort.detained = np.where(changed, held & cohort.detained, held)
    return sheets_of(cohort, grade)


def _revalued(
    cohort: Cohort, before: NDArray[np.int8], source: np.random.Generator
) -> NDArray[np.int8]:
    student, slot = np.nonzero(before != NEVER_SAT)
    old = before[student, slot]
    drawn = uniform(source, len(student))
    theory = curricula().ease[cohort.subject[student, slot]] < EASE_OF_LABORATORIES
    rises = theory & is_pass(old) & (old > 0) & (drawn < PASS_RISES)
    sinks = theory & is_pass(old) & (old < E) & (drawn > 1 - PASS_SINKS)
    saved = theory & (old == F) & (drawn < FAIL_BECOMES_PASS)
    decided = is_pending(old) & (old != MALPRACTICE) & (drawn < PENDING_IS_DECIDED)
    new = old - rises + sinks
    new[saved] = E - (drawn[saved] < FAIL_BECOMES_PASS / 4)
    marked = grade_of_marks(marks_of(cohort, student, slot, source))
    new[decided] = marked[decided]
    after = before.copy()
    after[student, slot] = new
    return after
