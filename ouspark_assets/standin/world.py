"""The world: cohorts that go from release to release, and what each release printed.

It unfolds from its beginning, so that every student's published history is complete. Pages are
rendered elsewhere, from the rows kept here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohort import Cohort, admit
from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.examinations import sit
from ouspark_assets.standin.printed_rows import Sheets
from ouspark_assets.standin.release_calendar import (
    MOST_RELEASES,
    SESSIONS_OF_A_YEAR,
    Kind,
    Release,
    timetable,
)
from ouspark_assets.standin.revaluation import revalue


@dataclass(frozen=True, slots=True)
class Publication:
    """A published release: the rows of every cohort that sat, and what it revises."""

    release: Release
    sheets: tuple[Sheets, ...]
    revises: "Publication | None"

    @property
    def pages(self) -> int:
        """How many students have a page in it."""
        return sum(int(sheets.pages().sum()) for sheets in self.sheets)


class World:
    """A population and its releases so far; `unfold` brings the next one."""

    def __init__(self, scale: Scale) -> None:
        self.scale: Final = scale
        self.cohorts: Final[list[Cohort]] = []
        self.tickets: Final[list[list[str]]] = []
        self.students: Final[dict[str, tuple[int, int]]] = {}
        self.published: Final[list[Publication]] = []
        while len(self.published) < scale.releases:
            self.unfold()

    @property
    def complete(self) -> bool:
        """Whether the world has come to its end."""
        return len(self.published) == MOST_RELEASES

    def unfold(self) -> Publication:
        """Hold the next session, or revalue the latest, and publish it."""
        release = timetable(len(self.published) + 1)[-1]
        if release.kind is Kind.MAIN:
            self._admit_until(release.session // SESSIONS_OF_A_YEAR)
        step = revalue if release.kind is Kind.REVALUATION else sit
        sheets = tuple(step(cohort, release, self.scale.seed) for cohort in self.cohorts)
        revises = self.published[-1] if release.kind is Kind.REVALUATION else None
        self.published.append(Publication(release, sheets, revises))
        return self.published[-1]

    def seen(self, cohort: int) -> NDArray[np.bool_]:
        """Which students of a cohort any release shows."""
        return np.asarray((self.cohorts[cohort].first_release != -1).any(1))

    def _admit_until(self, last: int) -> None:
        for number in range(len(self.cohorts), last + 1):
            cohort = admit(self.scale, number)
            tickets = cohort.tickets
            self.students.update((ticket, (number, row)) for row, ticket in enumerate(tickets))
            self.cohorts.append(cohort)
            self.tickets.append(tickets)
