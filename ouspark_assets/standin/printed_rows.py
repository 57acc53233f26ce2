"""What a release prints about a cohort, packed: a few bytes a row, so that no page need be held.

Rows of one student lie together, between two offsets; no rows means no page.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohort import Cohort, progress_of
from ouspark_assets.standin.cohorts import FIRST_LATERAL_SEMESTER
from ouspark_assets.standin.curriculum import SEMESTERS
from ouspark_assets.standin.grading import NEVER_SAT, NO_GPA, UNDECIDED
from ouspark_assets.standin.statuses import statuses_of

GRADE_BITS: Final = 4
STATUS_SHIFT, SGPA_SHIFT, CGPA_SHIFT = 4, 8, 19
LOW_4_BITS, LOW_11_BITS = 0xF, 0x7FF


class ResultLine(NamedTuple):
    """A semester line: GPAs in hundredths, `NO_GPA` where none is printed."""

    semester: int
    status: int
    sgpa: int
    cgpa: int


@dataclass(frozen=True, slots=True)
class Sheets:
    """A release's rows of a cohort; a mark is subject and grade in one number."""

    mark_offsets: NDArray[np.uint32]
    marks: NDArray[np.uint16]
    line_offsets: NDArray[np.uint32]
    lines: NDArray[np.uint32]

    def has_page(self, student: int) -> bool:
        """Whether the release shows anything of the student."""
        return bool(self.mark_offsets[student] != self.mark_offsets[student + 1])

    def marks_of(self, student: int) -> list[int]:
        """The packed marks of a student."""
        first, end = self.mark_offsets[student], self.mark_offsets[student + 1]
        packed: list[int] = self.marks[first:end].tolist()
        return packed

    def pages(self) -> NDArray[np.bool_]:
        """Who has a page."""
        return np.asarray(self.mark_offsets[1:] != self.mark_offsets[:-1])


def unpacked_line(packed: int) -> ResultLine:
    """A semester line out of its number."""
    return ResultLine(
        packed & LOW_4_BITS,
        packed >> STATUS_SHIFT & LOW_4_BITS,
        packed >> SGPA_SHIFT & LOW_11_BITS,
        packed >> CGPA_SHIFT & LOW_11_BITS,
    )


def sheets_of(cohort: Cohort, grade: NDArray[np.int8]) -> Sheets:
    """The rows that print these grades, after they have been recorded."""
    student, slot = np.nonzero(grade != NEVER_SAT)
    packed = (cohort.subject[student, slot].astype(np.int64) << GRADE_BITS) | grade[student, slot]
    marks = packed.astype(np.uint16)
    offsets = _offsets(student, len(cohort))
    line_offsets, lines = _lines(cohort, grade)
    return Sheets(offsets, marks, line_offsets, lines)


def _lines(
    cohort: Cohort, grade: NDArray[np.int8]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    progress = progress_of(cohort)
    status = statuses_of(cohort, progress, grade)
    sgpa = np.where(status == UNDECIDED, NO_GPA, progress.sgpa())
    student, column = np.nonzero(status != UNDECIDED)
    packed = (
        (column + 1)
        | status[student, column].astype(np.int64) << STATUS_SHIFT
        | sgpa[student, column] << SGPA_SHIFT
        | _cgpa_of_lines(cohort, student) << CGPA_SHIFT
    )
    return _offsets(student, len(cohort)), packed.astype(np.uint32)


def _cgpa_of_lines(cohort: Cohort, student: NDArray[np.int64]) -> NDArray[np.int64]:
    """The CGPA on the last line of those who have finished everything, and nowhere else."""
    progress = progress_of(cohort)
    owed = np.arange(1, SEMESTERS + 1) >= first_semester(cohort)[:, None]
    finished = np.asarray((progress.clear | ~owed).all(1))
    last = np.ones(len(student), dtype=np.bool_)
    last[:-1] = student[1:] != student[:-1]
    return np.where(last & finished[student], progress.cgpa()[student], NO_GPA)


def first_semester(cohort: Cohort) -> NDArray[np.int64]:
    """The semester each student begins with."""
    return np.where(cohort.intake.lateral, FIRST_LATERAL_SEMESTER, 1)


def _offsets(student: NDArray[np.int64], students: int) -> NDArray[np.uint32]:
    counts = np.bincount(student, minlength=students)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
