"""The answers of one results page, rendered as bytes on request.

Repeating pieces (head, search box, rows of a subject and grade) are cached; whole pages are not.
The HTML is in `page_templates.py`, the rows come from `printed_rows.py`.
"""

from datetime import date
from functools import cached_property
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin import page_templates as templates
from ouspark_assets.standin.cohorts import GENDERS, MEDIA, Cohort
from ouspark_assets.standin.curriculum import Subject, load_curricula
from ouspark_assets.standin.grading import (
    DETAINED,
    NO_GPA,
    POINTS,
    STATUSES,
    UNDECIDED,
    format_hundredths,
)
from ouspark_assets.standin.page_templates import PageStyle, choose_style
from ouspark_assets.standin.printed_rows import (
    CGPA_SHIFT,
    GRADE_BITS,
    LOW_4_BITS,
    LOW_11_BITS,
    SGPA_SHIFT,
    STATUS_SHIFT,
)
from ouspark_assets.standin.student_names import compose_father_name, compose_name
from ouspark_assets.standin.world import PublishedRelease, World

TICKET_LENGTH: Final = 12
# One row in 41 is printed twice on the pages of a style that repeats rows.
REPEATED_ROW_ONE_IN: Final = 41


class EmptyPages:
    """A results page that knows none of our students: another course, or an old batch."""

    def __init__(self, title: str, published_on: date, year_in_title: int = 2006) -> None:
        head = templates.render_head(title, published_on, year_in_title)
        self._head = head.encode(templates.CHARSET)
        self._tail = templates.render_search_box().encode(templates.CHARSET)

    def render_form(self) -> bytes:
        """Return the page with the search box alone."""
        return self._head + self._tail

    def answer(self, ticket: str) -> bytes:
        """Return the answer for a hall ticket."""
        return self._render_verdict(ticket, templates.NOT_FOUND)

    def answer_for_another(self, ticket: str, chance: float) -> bytes:
        """Return the answer for another ticket than this one."""
        other = int(chance * 10**TICKET_LENGTH)
        return self.answer(f"{other + (f'{other:012d}' == ticket):012d}")

    def render_sentence(self, sentence: str) -> bytes:
        """Return the page with a sentence instead of a result."""
        return self._render_row(templates.render_sentence(sentence))

    def _render_verdict(self, ticket: str, verdict: str) -> bytes:
        return self._render_row(templates.render_verdict(ticket, verdict))

    def _render_row(self, row: str) -> bytes:
        return self._head + row.encode(templates.CHARSET, "xmlcharrefreplace") + self._tail


class ReleasePages(EmptyPages):
    """The results page of one of our releases."""

    def __init__(self, world: World, published: PublishedRelease) -> None:
        release = published.release
        style = choose_style(release.ordinal)
        super().__init__(release.title, release.published_on, style.year_in_title)
        self.published: Final = published
        self._style = style
        self._world = world
        self._course = f"BE({release.scheme})"
        self._mark_rows: dict[int, bytes] = {}
        self._result_rows: dict[int, bytes] = {}
        marks = templates.render_marks_start(has_points_column=style.has_points_column)
        if not style.has_unclosed_table:
            marks = templates.PERSONAL_END + marks
        results = templates.RESULTS_START + templates.render_result_headings(style.result_heading)
        blank_rows = templates.render_result_row("", "", "") * style.blank_result_rows
        self._start = templates.FOUND_START.encode(templates.CHARSET)
        self._marks_start = marks.encode(templates.CHARSET)
        self._results_start = results.encode(templates.CHARSET)
        self._end = (blank_rows + templates.FOUND_END).encode(templates.CHARSET)

    def answer(self, ticket: str) -> bytes:
        """Return the student's page, or the sentence that there is none."""
        place = self._world.students.get(ticket)
        if place is None or place[0] >= len(self.published.cohort_rows):
            return self._render_verdict(ticket, templates.NOT_FOUND)
        cohort, student = place
        if self.published.cohort_rows[cohort].has_page(student):
            return self.render_student(ticket, cohort, student)
        revises = self.published.revises
        if revises is not None and revises.cohort_rows[cohort].has_page(student):
            return self._render_verdict(ticket, templates.NO_CHANGE)
        return self._render_verdict(ticket, templates.NOT_FOUND)

    def answer_for_another(self, ticket: str, chance: float) -> bytes:
        """Return the page of another student than this one who has a page."""
        cohorts, students = self._students_with_page
        if len(students) <= 1:
            return super().answer_for_another(ticket, chance)
        place = int(chance * len(students))
        if (cohorts[place], students[place]) == self._world.students.get(ticket):
            place = (place + 1) % len(students)
        cohort, student = int(cohorts[place]), int(students[place])
        return self.render_student(self._world.tickets[cohort][student], cohort, student)

    @cached_property
    def _students_with_page(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cohort and row of every student who has a page."""
        rows = [np.flatnonzero(printed.have_pages()) for printed in self.published.cohort_rows]
        cohorts = np.repeat(np.arange(len(rows)), list(map(len, rows)))
        return cohorts, np.concatenate(rows)

    def render_student(self, ticket: str, cohort: int, student: int) -> bytes:
        """Return the page of a student who has one."""
        rows = self.published.cohort_rows[cohort]
        first, end = rows.mark_offsets[student], rows.mark_offsets[student + 1]
        marks: list[int] = rows.marks[first:end].tolist()
        if self._style.repeats_rows:
            marks = [
                packed
                for packed in marks
                for _ in range(1 + ((packed * 7 + student * 13) % REPEATED_ROW_ONE_IN == 0))
            ]
        first, end = rows.result_offsets[student], rows.result_offsets[student + 1]
        return b"".join((
            self._head,
            self._start,
            self._render_details(ticket, self._world.cohorts[cohort], student),
            self._marks_start,
            *map(self._mark_row, marks),
            self._results_start,
            *map(self._result_row, rows.results[first:end].tolist()),
            self._end,
            self._tail,
        ))  # fmt: skip

    def _render_details(self, ticket: str, cohort: Cohort, student: int) -> bytes:
        gender = GENDERS[int(cohort.female[student])]
        bits, father_bits = int(cohort.name_bits[student]), int(cohort.father_bits[student])
        text = templates.PERSONAL.format(
            ticket=ticket,
            gender=gender,
            name=escape(compose_name(bits, gender), quote=False),
            father=escape(compose_father_name(bits, father_bits), quote=False),
            course=self._course,
            medium=MEDIA[cohort.medium[student]],
        )
        return text.encode(templates.CHARSET)

    def _mark_row(self, packed: int) -> bytes:
        row = self._mark_rows.get(packed)
        if row is None:
            subject = load_curricula().subjects[packed >> GRADE_BITS]
            text = _render_marks_row(subject, packed & LOW_4_BITS, self._style)
            row = self._mark_rows[packed] = text.encode(templates.CHARSET)
        return row

    def _result_row(self, packed: int) -> bytes:
        row = self._result_rows.get(packed)
        if row is None:
            row = self._result_rows[packed] = _render_result_row(packed).encode(templates.CHARSET)
        return row


def spell_subject(subject: Subject, style: PageStyle) -> str:
    """Return the subject's name as a style spells it."""
    return subject.later_name if style.has_later_names else subject.name


def _render_marks_row(subject: Subject, grade: int, style: PageStyle) -> str:
    printed = style.spell_grade(grade)
    points = int(POINTS[grade])
    shown = "" if points == UNDECIDED else printed if style.has_letters_for_points else str(points)
    return templates.render_marks_row([
        subject.code,
        escape(spell_subject(subject, style), quote=False),
        f"{subject.half_credits / 2:g}" if subject.half_credits else "=",
        *([shown] if style.has_points_column else []),
        printed,
    ])  # fmt: skip


def _render_result_row(packed: int) -> str:
    """Return a semester's row: status and SGPA in one cell, the CGPA if the course is finished."""
    status = packed >> STATUS_SHIFT & LOW_4_BITS
    sgpa, cgpa = packed >> SGPA_SHIFT & LOW_11_BITS, packed >> CGPA_SHIFT & LOW_11_BITS
    result = STATUSES[status]
    if sgpa != NO_GPA:
        result += f"-{format_hundredths(sgpa)}"
    elif status != DETAINED:
        result += "--"
    printed_cgpa = "-" if cgpa == NO_GPA else format_hundredths(cgpa)
    return templates.render_result_row(str(packed & LOW_4_BITS), result, printed_cgpa)
