"""An examination session: who moves on, who sits what, and the grades it ends with.

Main and supplementary sessions. What revaluation makes of them is `revaluation.py`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohort import Cohort
from ouspark_assets.standin.cohorts import FIRST_LATERAL_SEMESTER
from ouspark_assets.standin.curriculum import (
    NO_SUBJECT,
    SEMESTERS,
    SLOTS,
    SLOTS_OF_A_SEMESTER,
    curricula,
)
from ouspark_assets.standin.grading import (
    ABSENT,
    MALPRACTICE,
    NEVER_SAT,
    RESULT_LATER,
    WITHHELD,
    WITHHELD_BLANK,
    E,
    grade_of_marks,
    is_open,
    is_pass,
    is_pending,
)
from ouspark_assets.standin.printed_rows import Sheets, sheets_of
from ouspark_assets.standin.randomness import around_zero, stream, uniform
from ouspark_assets.standin.release_calendar import Kind, Release, standard_semester
from ouspark_assets.standin.statuses import decide_detention

MEAN_MARKS: Final = np.float32(60)
LUCK: Final = np.float32(14)
GAIN_OF_A_RESIT: Final = np.float32(4)
LEAVES, LEAVES_WHEN_DETAINED = 0.006, 0.2
RESITS_A_BACKLOG, RESITS_IN_BETWEEN = 0.92, 0.6
IMPROVES: Final = 0.004
WORTH_IMPROVING: Final = E - 1
ABSENT_FROM_ALL, ABSENT_FROM_ONE = 0.006, 0.008

# Rare ends of a first sitting: the upper limits of a draw.
UNUSUAL_GRADES: Final = (
    (0.0018, WITHHELD_BLANK),
    (0.0015, MALPRACTICE),
    (0.0012, WITHHELD),
    (0.0007, RESULT_LATER),
)
SLOT_SEMESTER: Final = np.arange(SLOTS) // SLOTS_OF_A_SEMESTER + 1


def sit(cohort: Cohort, release: Release, seed: int) -> Sheets:
    """Hold the session for a cohort and print its rows."""
    source = stream(seed, "examination", release.ordinal, cohort.number)
    advancing = _advance(cohort, release, source)
    sitting = _sitting(cohort, release, advancing, source)
    grade = _graded(cohort, sitting, source)
    cohort.printed = grade
    cohort.record(release.ordinal, grade, attempt=True)
    decide_detention(cohort, release)
    return sheets_of(cohort, grade)


def marks_of(
    cohort: Cohort,
    student: NDArray[np.int64],
    slot: NDArray[np.int64],
    source: np.random.Generator,
) -> NDArray[np.float32]:
    """Marks by ability, ease of the subject, luck, and practice when it was sat before."""
    subject = cohort.subject[student, slot]
    again = cohort.latest[student, slot] != NEVER_SAT
    expected = MEAN_MARKS + cohort.ability[student] + curricula().ease[subject]
    luck = around_zero(source, len(student)) * LUCK
    return np.asarray(expected + luck + again * GAIN_OF_A_RESIT, dtype=np.float32)


def _advance(cohort: Cohort, release: Release, source: np.random.Generator) -> NDArray[np.bool_]:
    """Move on whoever does; afterwards `took_current` says whose session this is."""
    if release.kind is Kind.SUPPLEMENTARY:
        cohort.took_current = np.zeros(len(cohort), dtype=np.bool_)
        return cohort.took_current
    begun = _joined(cohort, release) & (cohort.first_release != -1).any(1)
    risk = np.where(cohort.detained, LEAVES_WHEN_DETAINED, LEAVES)
    cohort.left |= begun & (uniform(source, len(cohort)) < risk)
    present = _joined(cohort, release) & ~cohort.left
    in_turn = (cohort.semester % 2 == 1) == release.even_session
    advancing = present & ~cohort.detained & in_turn & (cohort.semester < SEMESTERS)
    cohort.semester += advancing
    cohort.took_current = advancing | (present & cohort.detained & release.even_session)
    return np.asarray(advancing)


def _joined(cohort: Cohort, release: Release) -> NDArray[np.bool_]:
    standard = standard_semester(release.session, cohort.number)
    return ~cohort.intake.lateral | (standard >= FIRST_LATERAL_SEMESTER)


def _sitting(
    cohort: Cohort,
    release: Release,
    advancing: NDArray[np.bool_],
    source: np.random.Generator,
) -> NDArray[np.bool_]:
    """Which subjects are sat: all new ones, most backlogs, and now and then one to improve."""
    extra = release.kind is Kind.SUPPLEMENTARY
    standing = cohort.standing()
    present = (_joined(cohort, release) & ~cohort.left)[:, None]
    new = advancing[:, None] & (cohort.semester[:, None] == SLOT_SEMESTER)
    drawn = uniform(source, *standing.shape)
    share = RESITS_IN_BETWEEN if extra else RESITS_A_BACKLOG
    backlog = present & (is_open(standing) | is_pending(standing)) & (drawn < share)
    better = is_pass(standing) & (standing >= WORTH_IMPROVING) & (drawn < IMPROVES)
    sitting = backlog | (better & advancing[:, None]) | new
    return np.asarray(sitting & (cohort.subject != NO_SUBJECT))


def _graded(
    cohort: Cohort, sitting: NDArray[np.bool_], source: np.random.Generator
) -> NDArray[np.int8]:
    student, slot = np.nonzero(sitting)
    graded = grade_of_marks(marks_of(cohort, student, slot, source))
    drawn = uniform(source, len(student))
    first = cohort.latest[student, slot] == NEVER_SAT
    for limit, unusual in UNUSUAL_GRADES:
        graded[first & (drawn < limit)] = unusual
    away = uniform(source, len(cohort)) < ABSENT_FROM_ALL
    graded[away[student] | (drawn > 1 - ABSENT_FROM_ONE)] = ABSENT
    grade = np.full(sitting.shape, NEVER_SAT, dtype=np.int8)
    grade[student, slot] = graded
    return grade
