"""The simulated university: its cohorts, and the rows that each of its releases printed.

The simulation always starts at the first release, so every student has a complete history. Pages
are rendered from these rows in `result_pages.py`.
"""

from dataclasses import dataclass
from typing import Final

from ouspark_assets.standin.cohorts import Cohort, Scale, admit_cohort
from ouspark_assets.standin.curriculum import CodeChange, changes_until
from ouspark_assets.standin.examinations import hold_session, revalue
from ouspark_assets.standin.printed_rows import PrintedRows
from ouspark_assets.standin.release_calendar import (
    MAX_RELEASES,
    SESSIONS_PER_YEAR,
    Kind,
    Release,
    first_releases,
)


@dataclass(frozen=True, slots=True)
class PublishedRelease:
    """A release with the rows it prints per cohort, and the release that it revises."""

    release: Release
    cohort_rows: tuple[PrintedRows, ...]
    revises: "PublishedRelease | None"

    @property
    def page_count(self) -> int:
        """The number of students who have a page."""
        return sum(int(rows.have_pages().sum()) for rows in self.cohort_rows)


class World:
    """The students and the releases published so far; `students` maps tickets to rows."""

    def __init__(self, scale: Scale) -> None:
        self.scale: Final = scale
        self.cohorts: Final[list[Cohort]] = []
        self.tickets: Final[list[list[str]]] = []
        self.students: Final[dict[str, tuple[int, int]]] = {}
        self.published: Final[list[PublishedRelease]] = []
        while len(self.published) < scale.releases:
            self.publish_next_release()

    @property
    def code_changes(self) -> list[CodeChange]:
        """The changes of subject codes up to the last published session."""
        published = self.published if self.scale.changed_codes else []
        return changes_until(published[-1].release.session) if published else []

    @property
    def is_complete(self) -> bool:
        """Whether every release of the calendar is published."""
        return len(self.published) == MAX_RELEASES

    def publish_next_release(self) -> PublishedRelease:
        """Hold the next session, or revalue the latest one, and return its release."""
        release = first_releases(len(self.published) + 1)[-1]
        if release.kind is Kind.MAIN:
            self._admit_cohorts(release.session // SESSIONS_PER_YEAR)
        is_revaluation = release.kind is Kind.REVALUATION
        examine = revalue if is_revaluation else hold_session
        rows = tuple(examine(cohort, release, self.scale) for cohort in self.cohorts)
        revises = self.published[-1] if is_revaluation else None
        self.published.append(PublishedRelease(release, rows, revises))
        return self.published[-1]

    def _admit_cohorts(self, last: int) -> None:
        for number in range(len(self.cohorts), last + 1):
            cohort = admit_cohort(self.scale, number)
            tickets = cohort.tickets
            self.students.update((ticket, (number, row)) for row, ticket in enumerate(tickets))
            self.cohorts.append(cohort)
            self.tickets.append(tickets)
