"""The answers of one release, rendered as bytes on request.

Pieces that repeat (head, search box, rows of a subject and grade) are kept; pages are not.
"""

from collections.abc import Iterable
from datetime import date
from html import escape
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin import page_templates as layout
from ouspark_assets.standin.cohort import GENDERS, MEDIA, Cohort
from ouspark_assets.standin.curriculum import Subject, curricula
from ouspark_assets.standin.grading import (
    DETAINED,
    NO_GPA,
    POINTS,
    STATUSES,
    UNDECIDED,
    two_decimals,
)
from ouspark_assets.standin.page_style import PageStyle, style_of
from ouspark_assets.standin.printed_rows import GRADE_BITS, LOW_4_BITS, ResultLine, unpacked_line
from ouspark_assets.standin.student_names import father_name_of, name_of
from ouspark_assets.standin.titles import scheme_of, title_of
from ouspark_assets.standin.world import Publication, World

TICKET_LENGTH: Final = 12
# One row in so many is printed twice, on pages of the style that repeats rows.
REPEATED_ROWS: Final = 41


class Answers(Protocol):
    """What can be asked of a results page."""

    def form(self) -> bytes:
        """The page as it opens."""

    def answer(self, ticket: str) -> bytes:
        """The page for a hall ticket."""

    def answer_of_another(self, ticket: str, chance: float) -> bytes:
        """The page of somebody else."""


class EmptyPages:
    """A page of another course or of old batches, which knows none of our students."""

    def __init__(self, title: str, published_on: date, year_in_title: int = 2006) -> None:
        self._head = layout.head(title, published_on, year_in_title).encode(layout.CHARSET)
        self._tail = layout.search_box().encode(layout.CHARSET)

    def form(self) -> bytes:
        """The search box alone."""
        return self._head + self._tail

    def answer(self, ticket: str) -> bytes:
        """That the ticket is not found."""
        return self._saying(ticket, layout.NOT_FOUND)

    def answer_of_another(self, ticket: str, chance: float) -> bytes:
        """That some other ticket is not found."""
        other = int(chance * 10**TICKET_LENGTH)
        return self.answer(f"{other + (f'{other:012d}' == ticket):012d}")

    def _saying(self, ticket: str, verdict: str) -> bytes:
        said = layout.sentence(ticket, verdict).encode(layout.CHARSET, "xmlcharrefreplace")
        return self._head + said + self._tail


class ReleasePages(EmptyPages):
    """The pages of a release of our world."""

    def __init__(self, world: World, publication: Publication) -> None:
        release = publication.release
        self._style: Final = style_of(release.ordinal)
        super().__init__(title_of(release), release.published_on, self._style.year_in_title)
        self.publication: Final = publication
        self._world = world
        self._course = f"BE({scheme_of(release)})"
        self._rows: dict[int, bytes] = {}
        self._lines: dict[int, bytes] = {}
        self._found: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._begin, self._marks, self._result, self._end = _frame(self._style)

    def answer(self, ticket: str) -> bytes:
        """The student's page, or the sentence that stands for having none."""
        place = self._world.students.get(ticket)
        if place is None or place[0] >= len(self.publication.sheets):
            return self._saying(ticket, layout.NOT_FOUND)
        cohort, student = place
        if self.publication.sheets[cohort].has_page(student):
            return self.found(ticket, cohort, student)
        revises = self.publication.revises
        if revises is not None and revises.sheets[cohort].has_page(student):
            return self._saying(ticket, layout.NO_CHANGE)
        return self._saying(ticket, layout.NOT_FOUND)

    def answer_of_another(self, ticket: str, chance: float) -> bytes:
        """The page of a student who has one and is not the one asked for."""
        cohorts, students = self._places()
        if len(students) <= 1:
            return super().answer_of_another(ticket, chance)
        place = int(chance * len(students))
        if (cohorts[place], students[place]) == self._world.students.get(ticket):
            place = (place + 1) % len(students)
        cohort, student = int(cohorts[place]), int(students[place])
        return self.found(self._world.tickets[cohort][student], cohort, student)

    def found(self, ticket: str, cohort: int, student: int) -> bytes:
        """The page of a student who has one."""
        sheets = self.publication.sheets[cohort]
        marks = sheets.marks_of(student)
        if self._style.repeats_rows:
            marks = list(_with_repeats(marks, student))
        first, end = sheets.line_offsets[student], sheets.line_offsets[student + 1]
        return b"".join((
            self._head,
            self._begin,
            self._personal(ticket, self._world.cohorts[cohort], student),
            self._marks,
            *map(self._mark, marks),
            self._result,
            *map(self._line, sheets.lines[first:end].tolist()),
            self._end,
            self._tail,
        ))  # fmt: skip

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cohort and row of everyone who has a page."""
        if self._found is None:
            rows = [np.flatnonzero(sheets.pages()) for sheets in self.publication.sheets]
            cohorts = np.repeat(np.arange(len(rows)), [len(of_cohort) for of_cohort in rows])
            self._found = cohorts, np.concatenate(rows)
        return self._found

    def _personal(self, ticket: str, cohort: Cohort, student: int) -> bytes:
        gender = GENDERS[int(cohort.female[student])]
        bits, father_bits = int(cohort.name_bits[student]), int(cohort.father_bits[student])
        text = layout.PERSONAL.format(
            ticket=ticket,
            gender=gender,
            name=escape(name_of(bits, gender), quote=False),
            father=escape(father_name_of(bits, father_bits), quote=False),
            course=self._course,
            medium=MEDIA[cohort.medium[student]],
        )
        return text.encode(layout.CHARSET)

    def _mark(self, packed: int) -> bytes:
        row = self._rows.get(packed)
        if row is None:
            subject = curricula().subjects[packed >> GRADE_BITS]
            row = mark_row(subject, packed & LOW_4_BITS, self._style).encode(layout.CHARSET)
            self._rows[packed] = row
        return row

    def _line(self, packed: int) -> bytes:
        row = self._lines.get(packed)
        if row is None:
            row = line_row(unpacked_line(packed)).encode(layout.CHARSET)
            self._lines[packed] = row
        return row


def mark_row(subject: Subject, grade: int, style: PageStyle) -> str:
    """A subject's row as a style prints it."""
    printed = style.grade(grade)
    points = int(POINTS[grade])
    shown = "" if points == UNDECIDED else printed if style.letters_for_points else str(points)
    values = [
        subject.code,
        escape(printed_name(subject, style), quote=False),
        printed_credits(subject),
        *([shown] if style.points_column else []),
        printed,
    ]
    return layout.marks_row(tuple(values))


def printed_name(subject: Subject, style: PageStyle) -> str:
    """The subject's name as a style spells it."""
    return subject.later_name if style.later_names else subject.name


def printed_credits(subject: Subject) -> str:
    """Credits as pages print them: `=` for none, 3, 1.5."""
    return f"{subject.half_credits / 2:g}" if subject.half_credits else "="


def line_row(line: ResultLine) -> str:
    """A semester's row: status and SGPA in one cell, the CGPA once the course is done."""
    status = STATUSES[line.status]
    if line.sgpa != NO_GPA:
        status += f"-{two_decimals(line.sgpa)}"
    elif line.status != DETAINED:
        status += "--"
    cgpa = "-" if line.cgpa == NO_GPA else two_decimals(line.cgpa)
    return layout.result_row(str(line.semester), status, cgpa)


def _with_repeats(marks: Iterable[int], student: int) -> Iterable[int]:
    for packed in marks:
        yield packed
        if (packed * 7 + student * 13) % REPEATED_ROWS == 0:
            yield packed


def _frame(style: PageStyle) -> tuple[bytes, bytes, bytes, bytes]:
    """What stands before the details, the marks and the result, and after all of them."""
    marks = layout.marks_begin(points_column=style.points_column)
    if not style.unclosed_table:
        marks = layout.PERSONAL_ENDS + marks
    result = layout.RESULT_BEGINS + layout.result_headings(style.result_heading)
    blank = layout.result_row("", "", "") * style.blank_result_rows
    pieces = (layout.FOUND_BEGINS, marks, result, blank + layout.FOUND_ENDS)
    begin, middle, last, end = (piece.encode(layout.CHARSET) for piece in pieces)
    return begin, middle, last, end
