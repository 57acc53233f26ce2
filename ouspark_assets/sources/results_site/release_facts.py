"""What the title and session of a release say about its students: which cohorts, and how fully.

Facts only. `ticket_plan.py` decides which tickets to request because of them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ouspark_assets.domain.releases import ExamKind, require_release_key
from ouspark_assets.domain.subjects import FIRST_SEMESTER, LAST_SEMESTER
from ouspark_assets.sources.results_site.release_titles import read_title

# A session from October on belongs to the academic year that has just begun.
ACADEMIC_YEAR_START = 10
# Sessions from October to April are of odd semesters, the others of even ones.
ODD_SESSION_MONTHS = (10, 11, 12, 1, 2, 3, 4)
YEARS_OF_STUDY = 4
# Students with backlogs are looked for in this many cohorts beyond those that a title names.
OLDER_COHORTS = 1


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What the plan needs to know about a release."""

    key: str
    url: str
    kind: ExamKind = ExamKind.MAIN
    semesters: tuple[int, ...] | None = None
    session_year: int | None = None
    session_month: int | None = None
    published_on: date | None = None
    revises: str | None = None
    repeaters_only: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "ReleaseFacts":
        """Return the facts in a row of `source.release_index`."""
        semesters = row["semesters"]
        return cls(
            key=require_release_key(row["release"]),
            url=row["url"],
            kind=ExamKind(row["exam_kind"]),
            semesters=tuple(semesters) if semesters else None,
            session_year=row["session_year"],
            session_month=row["session_month"],
            published_on=row["published_on"],
            revises=row["revises"],
            repeaters_only=read_title(row["title"]).repeaters_only,
        )

    @property
    def known_only(self) -> bool:
        """Whether only students of earlier releases can appear: backlogs and revaluation."""
        return self.kind is ExamKind.REVALUATION or self.repeaters_only

    @property
    def academic_year(self) -> int | None:
        """The calendar year in which the session's academic year began."""
        if self.session_year is None:
            return self.published_on.year - 1 if self.published_on else None
        is_late = self.session_month is not None and self.session_month >= ACADEMIC_YEAR_START
        return self.session_year if is_late else self.session_year - 1

    def semester_of(self, admission_year: int) -> int | None:
        """Return the semester that a cohort sits in this session if nobody is held back."""
        if self.academic_year is None:
            return None
        is_odd = self.session_month is None or self.session_month in ODD_SESSION_MONTHS
        return 2 * (self.academic_year - admission_year) + (1 if is_odd else 2)

    def cohorts(self, known: Collection[int] = ()) -> list[int]:
        """Return the admission years that the title covers, newest first, then OLDER_COHORTS.

        A title without semesters may cover all of them; the `known` admission years narrow it.
        """
        if self.academic_year is None:
            return sorted(known, reverse=True)
        named = self.semesters or (FIRST_SEMESTER, LAST_SEMESTER)
        newest = self.academic_year - (min(named) - 1) // 2
        oldest = self.academic_year - (max(named) - 1) // 2 - OLDER_COHORTS
        if known and self.semesters is None:
            oldest = max(oldest, min(known))
        return list(range(newest, oldest - 1, -1))

    def is_full(self, admission_year: int) -> bool:
        """Return whether all students of a cohort may sit here, not only those with backlogs."""
        semester = self.semester_of(admission_year)
        if semester is None:
            return True
        if not FIRST_SEMESTER <= semester <= LAST_SEMESTER:
            return False
        named = self.semesters
        if named is None:
            return True
        # Without a month the session may be of odd or of even semesters.
        return semester in named or (self.session_month is None and semester + 1 in named)

    def has_lateral(self, admission_year: int) -> bool:
        """Return whether a cohort includes lateral entrants, who join in its second year."""
        return self.academic_year is None or self.academic_year > admission_year

    def may_appear(self, admission_year: int, *, settled: bool) -> bool:
        """Return whether a known student may be in this release.

        Nobody is before admission. After the years of study, only students with something open are.
        """
        if self.academic_year is None:
            return True
        years = self.academic_year - admission_year
        return 0 <= years < YEARS_OF_STUDY or (years >= YEARS_OF_STUDY and not settled)
