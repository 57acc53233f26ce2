"""When examinations are held and published: the one sequence of releases the world goes through.

The world begins with the first cohort's semester I in February of `FIRST_YEAR`. Which students sit
is `examination.py`; how a title is worded is `titles.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from itertools import count, islice
from typing import Final

from ouspark_assets.standin.curriculum import SEMESTERS

FIRST_YEAR: Final = 2024
SESSIONS_OF_A_YEAR: Final = 2
MOST_RELEASES: Final = 60
ODD_MONTHS, EVEN_MONTHS, EXTRA_MONTHS = (2,), (7, 8), (9, 10)

# Running numbers as the university's grow over a year; each year takes the next of each row.
ODD_NUMBERS: Final = (511, 402, 437, 468)
ODD_REVALUATION_NUMBERS: Final = (718, 611, 655, 702)
EVEN_NUMBERS: Final = (968, 994, 951, 1003)
EVEN_REVALUATION_NUMBERS: Final = (1206, 1290, 1271, 1231)
EXTRA_NUMBERS: Final = (106, 118, 132, 147)


class Kind(StrEnum):
    """What a release carries; a supplementary is a main release of backlogs alone."""

    MAIN = "main"
    SUPPLEMENTARY = "supplementary"
    REVALUATION = "revaluation"


@dataclass(frozen=True, slots=True)
class Release:
    """A results page: its place in the sequence, its key, and the session it belongs to."""

    ordinal: int
    key: str
    kind: Kind
    session: int
    year: int
    months: tuple[int, ...]
    published_on: date

    @property
    def exam_kind(self) -> str:
        """`main` or `revaluation`."""
        return "revaluation" if self.kind is Kind.REVALUATION else "main"

    @property
    def even_session(self) -> bool:
        """Whether the session closes a year of study."""
        return self.session % SESSIONS_OF_A_YEAR == 1

    @property
    def current_semesters(self) -> tuple[int, ...]:
        """The semesters that cohorts reach in this session; none in a supplementary."""
        if self.kind is Kind.SUPPLEMENTARY:
            return ()
        first = self.session % SESSIONS_OF_A_YEAR + 1
        return tuple(range(first, min(self.session + 1, SEMESTERS) + 1, SESSIONS_OF_A_YEAR))

    @property
    def backlog_semesters(self) -> tuple[int, ...]:
        """The other semesters that someone may have left something of."""
        reached = min(self.session + 1, SEMESTERS)
        return tuple(s for s in range(1, reached + 1) if s not in self.current_semesters)

    @property
    def semesters(self) -> tuple[int, ...]:
        """All semesters of the release."""
        return tuple(sorted(self.current_semesters + self.backlog_semesters))


@cache
def timetable(releases: int) -> tuple[Release, ...]:
    """The first so many releases of the world."""
    return tuple(islice(_sequence(), releases))


def cohorts_admitted(releases: tuple[Release, ...]) -> int:
    """How many cohorts have sat an examination by the last of these releases."""
    return releases[-1].session // SESSIONS_OF_A_YEAR + 1


def standard_semester(session: int, cohort: int) -> int:
    """The semester a cohort is in, nobody held back: the cohort joins in session 2 × cohort."""
    return session - SESSIONS_OF_A_YEAR * cohort + 1


def detention_applies(release: Release) -> bool:
    """Whether the promotion rule is applied that year; the government waives it now and then."""
    return release.even_session and release.year % 3 != 0


def _sequence() -> Iterator[Release]:
    ordinals = count()
    for year in count(FIRST_YEAR):
        for kind, session, months, key, published_on in _year(year):
            yield Release(next(ordinals), key, kind, session, year, months, published_on)


def _year(year: int) -> Iterator[tuple[Kind, int, tuple[int, ...], str, date]]:
    turn = year - FIRST_YEAR
    odd, even = SESSIONS_OF_A_YEAR * turn, SESSIONS_OF_A_YEAR * turn + 1
    leap = turn % 2 == 0
    shift = turn % 5
    yield (Kind.MAIN, odd, ODD_MONTHS, _key(year, ODD_NUMBERS), date(year, 4, 22 - shift))
    yield (
        Kind.REVALUATION, odd, ODD_MONTHS, _key(year, ODD_REVALUATION_NUMBERS),
        date(year, 6, 27 + shift % 3),
    )  # fmt: skip
    main_key = _key(year, EVEN_NUMBERS) if leap else f"{year}becbcs"
    yield (Kind.MAIN, even, EVEN_MONTHS, main_key, date(year, 10, 4 + shift))
    revaluation = f"becbcsaug{year % 100:02d}" if leap else _key(year, EVEN_REVALUATION_NUMBERS)
    yield (Kind.REVALUATION, even, EVEN_MONTHS, revaluation, date(year, 12, 6 + shift))
    if leap:
        key = _key(year + 1, EXTRA_NUMBERS)
        yield (Kind.SUPPLEMENTARY, even, EXTRA_MONTHS, key, date(year + 1, 1, 9 + shift))


def _key(year: int, numbers: tuple[int, ...]) -> str:
    return f"{year}{numbers[(year - FIRST_YEAR) % len(numbers)]:04d}"
