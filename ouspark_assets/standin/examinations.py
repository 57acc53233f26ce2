"""Examinations of a cohort: who sits which subject, the grades, revaluation, and detention.

How the grades and statuses are printed is in `printed_rows.py`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohorts import (
    FIRST_LATERAL_SEMESTER,
    Cohort,
    Progress,
    Scale,
    around_zero,
    compute_progress,
    random_stream,
    uniform,
)
from ouspark_assets.standin.curriculum import (
    NO_SUBJECT,
    SEMESTER_NUMBERS,
    SEMESTERS,
    SLOTS,
    SLOTS_PER_SEMESTER,
    changes_until,
    load_curricula,
)
from ouspark_assets.standin.grading import (
    ABSENT,
    MALPRACTICE,
    NEVER_SAT,
    RESULT_LATER,
    WITHHELD,
    WITHHELD_BLANK,
    E,
    F,
    grade_marks,
    is_open,
    is_pass,
    is_pending,
)
from ouspark_assets.standin.printed_rows import PrintedRows, print_rows
from ouspark_assets.standin.release_calendar import (
    Kind,
    Release,
    is_detention_applied,
    standard_semester,
)

MEAN_MARKS: Final = np.float32(60)
LUCK: Final = np.float32(14)
RESIT_GAIN: Final = np.float32(4)

# Probabilities: leaving the university, sitting a backlog again in a main and in a supplementary
# session, sitting a poor pass again, and being absent.
LEAVES, LEAVES_WHEN_DETAINED = 0.006, 0.2
RESITS_IN_MAIN, RESITS_IN_SUPPLEMENTARY = 0.92, 0.6
IMPROVES: Final = 0.004
BEST_IMPROVED_GRADE: Final = E - 1
ABSENT_FROM_ALL, ABSENT_FROM_ONE = 0.006, 0.008

# Rare outcomes of a first attempt: each applies below this limit of a uniform draw.
UNUSUAL_GRADES: Final = (
    (0.0018, WITHHELD_BLANK),
    (0.0015, MALPRACTICE),
    (0.0012, WITHHELD),
    (0.0007, RESULT_LATER),
)
SLOT_SEMESTER: Final = np.arange(SLOTS) // SLOTS_PER_SEMESTER + 1

# Probabilities per row of a theory paper; laboratories are not revalued.
FAIL_BECOMES_PASS, PASS_RISES, PASS_FALLS = 0.10, 0.012, 0.0015
PENDING_IS_DECIDED: Final = 0.8
LABORATORY_EASE: Final = 8
END_OF_FIRST_YEAR: Final = 2


def hold_session(cohort: Cohort, release: Release, scale: Scale) -> PrintedRows:
    """Hold a main or supplementary session for a cohort and return the rows it prints."""
    source = random_stream(scale.seed, "examination", release.ordinal, cohort.number)
    advancing = _advance(cohort, release, source)
    sitting = _choose_sittings(cohort, release, advancing, source)
    grade = _draw_grades(cohort, sitting, source)
    cohort.printed = grade
    cohort.record(release.ordinal, grade, is_attempt=True)
    _decide_detention(cohort, release)
    return print_rows(cohort, grade, _printed_numbers(release, scale))


def revalue(cohort: Cohort, release: Release, scale: Scale) -> PrintedRows:
    """Revalue the latest main session of a cohort and return the rows it prints.

    Only students with a changed grade have a page. It shows all rows of their main page.
    """
    source = random_stream(scale.seed, "revaluation", release.ordinal, cohort.number)
    before = cohort.printed
    after = _draw_revalued_grades(cohort, before, source)
    changed = (after != before).any(1)
    grade = np.where(changed[:, None], after, NEVER_SAT).astype(np.int8)
    cohort.record(release.ordinal, grade, is_attempt=False)
    detained_before = cohort.detained
    _decide_detention(cohort, release)
    cohort.detained = np.where(changed, detained_before & cohort.detained, detained_before)
    return print_rows(cohort, grade, _printed_numbers(release, scale))


def _printed_numbers(release: Release, scale: Scale) -> NDArray[np.int16]:
    """Return, for the number of every subject, the one with the code that the release prints."""
    changes = changes_until(release.session) if scale.changed_codes else []
    return load_curricula().printed_numbers(changes)


def _draw_marks(
    cohort: Cohort,
    student: NDArray[np.int64],
    slot: NDArray[np.int64],
    source: np.random.Generator,
) -> NDArray[np.float32]:
    """Return marks from ability, ease of the subject, luck, and practice in a resit."""
    is_resit = cohort.latest[student, slot] != NEVER_SAT
    ease = load_curricula().ease[cohort.subject[student, slot]]
    expected = MEAN_MARKS + cohort.ability[student] + ease
    luck = around_zero(source, len(student)) * LUCK
    return np.asarray(expected + luck + is_resit * RESIT_GAIN, dtype=np.float32)


def _advance(cohort: Cohort, release: Release, source: np.random.Generator) -> NDArray[np.bool_]:
    """Move students to their next semester and return who moved; update `took_current`."""
    if release.kind is Kind.SUPPLEMENTARY:
        cohort.took_current = np.zeros(len(cohort), dtype=np.bool_)
        return cohort.took_current
    has_joined = _has_joined(cohort, release)
    risk = np.where(cohort.detained, LEAVES_WHEN_DETAINED, LEAVES)
    leaves = uniform(source, len(cohort)) < risk
    cohort.left |= has_joined & cohort.appeared & leaves
    present = has_joined & ~cohort.left
    has_semester_now = (cohort.semester % 2 == 1) == release.is_even_session
    advancing = present & ~cohort.detained & has_semester_now & (cohort.semester < SEMESTERS)
    cohort.semester += advancing
    cohort.took_current = advancing | (present & cohort.detained & release.is_even_session)
    return np.asarray(advancing)


def _has_joined(cohort: Cohort, release: Release) -> NDArray[np.bool_]:
    standard = standard_semester(release.session, cohort.number)
    return ~cohort.intake.lateral | (standard >= FIRST_LATERAL_SEMESTER)


def _choose_sittings(
    cohort: Cohort,
    release: Release,
    advancing: NDArray[np.bool_],
    source: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return which subjects are sat: all new ones, most backlogs, and a few poor passes."""
    standing = cohort.standing
    present = (_has_joined(cohort, release) & ~cohort.left)[:, None]
    new = advancing[:, None] & (cohort.semester[:, None] == SLOT_SEMESTER)
    drawn = uniform(source, *standing.shape)
    supplementary = release.kind is Kind.SUPPLEMENTARY
    share = RESITS_IN_SUPPLEMENTARY if supplementary else RESITS_IN_MAIN
    backlog = present & (is_open(standing) | is_pending(standing)) & (drawn < share)
    improving = is_pass(standing) & (standing >= BEST_IMPROVED_GRADE) & (drawn < IMPROVES)
    sitting = backlog | (improving & advancing[:, None]) | new
    return np.asarray(sitting & (cohort.subject != NO_SUBJECT))


def _draw_grades(
    cohort: Cohort, sitting: NDArray[np.bool_], source: np.random.Generator
) -> NDArray[np.int8]:
    student, slot = np.nonzero(sitting)
    drawn_grade = grade_marks(_draw_marks(cohort, student, slot, source))
    drawn = uniform(source, len(student))
    is_first = cohort.latest[student, slot] == NEVER_SAT
    for limit, unusual in UNUSUAL_GRADES:
        drawn_grade[is_first & (drawn < limit)] = unusual
    absent_from_all = uniform(source, len(cohort)) < ABSENT_FROM_ALL
    drawn_grade[absent_from_all[student] | (drawn > 1 - ABSENT_FROM_ONE)] = ABSENT
    grade = np.full(sitting.shape, NEVER_SAT, dtype=np.int8)
    grade[student, slot] = drawn_grade
    return grade


def _draw_revalued_grades(
    cohort: Cohort, before: NDArray[np.int8], source: np.random.Generator
) -> NDArray[np.int8]:
    student, slot = np.nonzero(before != NEVER_SAT)
    old = before[student, slot]
    drawn = uniform(source, len(student))
    theory = load_curricula().ease[cohort.subject[student, slot]] < LABORATORY_EASE
    rises = theory & is_pass(old) & (old > 0) & (drawn < PASS_RISES)
    falls = theory & is_pass(old) & (old < E) & (drawn > 1 - PASS_FALLS)
    now_passes = theory & (old == F) & (drawn < FAIL_BECOMES_PASS)
    decided = is_pending(old) & (old != MALPRACTICE) & (drawn < PENDING_IS_DECIDED)
    new = old - rises + falls
    new[now_passes] = E - (drawn[now_passes] < FAIL_BECOMES_PASS / 4)
    marked = grade_marks(_draw_marks(cohort, student, slot, source))
    new[decided] = marked[decided]
    after = before.copy()
    after[student, slot] = new
    return after


def _decide_detention(cohort: Cohort, release: Release) -> None:
    """Detain, at the end of a year of study, students below the minimum of credits.

    Only students whose last semester is unfinished are detained, and nobody in a year that waives
    the rule.
    """
    if not release.is_even_session or not cohort.took_current.any():
        return
    below = _is_below_minimum_credits(cohort, compute_progress(cohort))
    detained = below if is_detention_applied(release) else np.zeros_like(below)
    cohort.detained = np.where(cohort.took_current, detained, cohort.detained)


def _is_below_minimum_credits(cohort: Cohort, progress: Progress) -> NDArray[np.bool_]:
    """Return who may not move on to the next year.

    Moving from semester II to III requires half the credits of I and II. Later years allow
    backlogs of up to half the credits of the year.
    """
    unfinished = progress.sat & ~progress.finished
    is_last = cohort.semester[:, None] == SEMESTER_NUMBERS
    in_year = is_last | (cohort.semester[:, None] - 1 == SEMESTER_NUMBERS)
    of_year = (progress.half_credits * in_year).sum(1)
    earned = (progress.earned * in_year).sum(1)
    missing = (progress.half_credits - progress.earned).sum(1)
    below = np.where(
        cohort.semester == END_OF_FIRST_YEAR, 2 * earned < of_year, 2 * missing > of_year
    )
    return np.asarray(below & (unfinished & is_last).any(1) & (cohort.semester < SEMESTERS))
