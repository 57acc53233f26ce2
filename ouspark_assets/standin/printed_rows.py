"""The rows that a release prints about a cohort, packed into a few bytes each, and their statuses.

Pages are rendered from these rows on request (`result_pages.py`), so none has to be kept. The rows
of one student are adjacent, between two offsets; a student without rows has no page.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohorts import (
    FIRST_LATERAL_SEMESTER,
    Cohort,
    Progress,
    by_semester,
    compute_progress,
)
from ouspark_assets.standin.curriculum import SEMESTER_NUMBERS
from ouspark_assets.standin.grading import (
    ALREADY_PROMOTED,
    COMPLETED,
    DETAINED,
    NEVER_SAT,
    NO_GPA,
    PASSED,
    PROMOTED,
    UNDECIDED,
)

# A marks row is a subject number and 4 bits of grade. A result row is 4 bits of semester, 4 bits of
# status, and 11 bits each of SGPA and CGPA in hundredths.
GRADE_BITS: Final = 4
STATUS_SHIFT, SGPA_SHIFT, CGPA_SHIFT = 4, 8, 19
LOW_4_BITS, LOW_11_BITS = 0xF, 0x7FF


@dataclass(frozen=True, slots=True)
class PrintedRows:
    """The marks rows and result rows of a cohort in one release."""

    mark_offsets: NDArray[np.uint32]
    marks: NDArray[np.uint16]
    result_offsets: NDArray[np.uint32]
    results: NDArray[np.uint32]

    def has_page(self, student: int) -> bool:
        """Return whether the release has a page of the student."""
        return bool(self.mark_offsets[student] != self.mark_offsets[student + 1])

    def have_pages(self) -> NDArray[np.bool_]:
        """Return for every student whether the release has a page."""
        return np.asarray(self.mark_offsets[1:] != self.mark_offsets[:-1])


def print_rows(
    cohort: Cohort, grade: NDArray[np.int8], printed_numbers: NDArray[np.int16]
) -> PrintedRows:
    """Return the rows that print these grades, which the cohort has recorded already.

    `printed_numbers` maps the number of a subject to the one that is printed.
    """
    student, slot = np.nonzero(grade != NEVER_SAT)
    subject = printed_numbers[cohort.subject[student, slot]].astype(np.int64)
    marks = (subject << GRADE_BITS) | grade[student, slot]
    progress = compute_progress(cohort)
    status = _printed_status(cohort, progress, grade)
    owner, column = np.nonzero(status != UNDECIDED)
    # The CGPA stands on the last row of students who have finished all their semesters.
    first = np.where(cohort.intake.lateral, FIRST_LATERAL_SEMESTER, 1)
    required = first[:, None] <= SEMESTER_NUMBERS
    has_finished = np.asarray((progress.finished | ~required).all(1))
    is_last = np.ones(len(owner), dtype=np.bool_)
    is_last[:-1] = owner[1:] != owner[:-1]
    cgpa = np.where(is_last & has_finished[owner], progress.cgpa[owner], NO_GPA)
    results = (
        (column + 1)
        | status[owner, column].astype(np.int64) << STATUS_SHIFT
        | progress.sgpa[owner, column] << SGPA_SHIFT
        | cgpa << CGPA_SHIFT
    )
    return PrintedRows(
        _row_offsets(student, len(cohort)),
        marks.astype(np.uint16),
        _row_offsets(owner, len(cohort)),
        results.astype(np.uint32),
    )


def _row_offsets(student: NDArray[np.int64], students: int) -> NDArray[np.uint32]:
    counts = np.bincount(student, minlength=students)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)


def _printed_status(
    cohort: Cohort, progress: Progress, grade: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Return the status to print per student and semester, `UNDECIDED` where there is no row.

    A page has a row for each semester it has marks of and for each older unfinished one.
    The current semester is PASSED if nothing is left of any semester, else PROMOTED, with an SGPA
    if the semester itself is finished. Older semesters are COMPLETED or ALREADY PROMOTED.
    """
    has_marks = np.asarray(by_semester(grade != NEVER_SAT).any(2))
    unfinished = progress.sat & ~progress.finished
    is_last = cohort.semester[:, None] == SEMESTER_NUMBERS
    is_current = is_last & cohort.took_current[:, None]
    unfinished_elsewhere = np.asarray((unfinished & ~is_current).any(1))[:, None]
    current = np.where(unfinished | unfinished_elsewhere, PROMOTED, PASSED)
    older = np.where(unfinished, ALREADY_PROMOTED, COMPLETED)
    status = np.where(is_current, current, older)
    status = np.where(is_last & unfinished & cohort.detained[:, None], DETAINED, status)
    is_printed = has_marks | (unfinished & np.asarray(has_marks.any(1))[:, None])
    return np.where(is_printed, status, UNDECIDED).astype(np.int8)
