"""The releases of the stand-in, in order of publication: sessions, dates, keys and titles.

The calendar begins with semester I of the first cohort, in February of `FIRST_YEAR`. Which students
sit an examination is decided in `examinations.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from itertools import count, islice
from typing import Final

from ouspark_assets.standin.curriculum import SEMESTERS

FIRST_YEAR: Final = 2024
SESSIONS_PER_YEAR: Final = 2
MAX_RELEASES: Final = 60
ODD_MONTHS, EVEN_MONTHS, SUPPLEMENTARY_MONTHS = (2,), (7, 8), (9, 10)

# Numbers of the pages grow over a year, as the university's do. Each year uses the next of a row.
ODD_NUMBERS: Final = (511, 402, 437, 468)
ODD_REVALUATION_NUMBERS: Final = (718, 611, 655, 702)
EVEN_NUMBERS: Final = (968, 994, 951, 1003)
EVEN_REVALUATION_NUMBERS: Final = (1206, 1290, 1271, 1231)
SUPPLEMENTARY_NUMBERS: Final = (106, 118, 132, 147)


class Kind(StrEnum):
    """The kind of a release; a supplementary one is a main release for backlogs alone."""

    MAIN = "main"
    SUPPLEMENTARY = "supplementary"
    REVALUATION = "revaluation"


ROMAN: Final = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII")
LONG_MONTHS: Final = (
    "", "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# The scheme and the title of each kind of release, used in turn, in wordings of the university.
# The scheme of a title that names two is that of the regular students.
TITLE_FORMS: Final = {
    Kind.MAIN: (
        ("AICTE", "B.E. (AICTE) {current} sem. (Main & Backlogs){backlogs} {long} "
                  "Examination Results."),
        ("CBCS", "BE(CBCS) ( {listed}) Sem Main & Backlogs {short} Results"),
        ("CBCS", "B.E. (CBCS) {span} Semester (Regular & Backlog) {long} Results"),
    ),
    Kind.SUPPLEMENTARY: (
        ("AICTE", "BE AICTE (Regular & supply) CBCS (Backlog) {three_letters} {year} "
                  "examination results"),
        ("CBCS", "BE(CBCS) ({listed}) Sem Backlogs {short} Results"),
    ),
    Kind.REVALUATION: (
        ("AICTE", "B.E. (AICTE) [RV] {long} Results"),
        ("CBCS", "B.E. (CBCS) (RV) {short}"),
        ("AICTE", "BE (AICTE) {roman} Sem Revaluation {long} Results"),
        ("CBCS", "B.E. {dashed_span} Sem {short} (RV) CBCS Results"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Release:
    """A release: its place in the order, its key, and the session it belongs to."""

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
    def is_even_session(self) -> bool:
        """Whether the session closes a year of study."""
        return self.session % SESSIONS_PER_YEAR == 1

    @property
    def semesters(self) -> tuple[int, ...]:
        """All semesters that the release may print."""
        return tuple(range(1, min(self.session + 1, SEMESTERS) + 1))

    @property
    def current_semesters(self) -> tuple[int, ...]:
        """The semesters that cohorts reach in this session; none in a supplementary."""
        if self.kind is Kind.SUPPLEMENTARY:
            return ()
        return self.semesters[self.session % SESSIONS_PER_YEAR :: SESSIONS_PER_YEAR]

    @property
    def scheme(self) -> str:
        """The regulations that the title names."""
        return self._title_form[0]

    @property
    def title(self) -> str:
        """The title as the index and the pages print it."""
        months = [LONG_MONTHS[month] for month in self.months]
        short = "/".join(month[:4] if month == "September" else month[:3] for month in months)
        backlogs = [s for s in self.semesters if s not in self.current_semesters]
        span = "-".join(ROMAN[s] for s in sorted({self.semesters[0], self.semesters[-1]}))
        return self._title_form[1].format(
            short=f"{short}-{self.year}",
            long=f"{'/'.join(months)} {self.year}",
            three_letters="/".join(month[:3] for month in months),
            year=self.year,
            listed=",".join(map(str, self.semesters)),
            roman=_list_roman(self.semesters),
            current=_list_roman(self.current_semesters[::-1]),
            backlogs=f"; {_list_roman(backlogs)} sem. (Backlogs) And Make-up" if backlogs else "",
            span=span,
            dashed_span=span.replace("-", "–"),
        )

    @property
    def _title_form(self) -> tuple[str, str]:
        forms = TITLE_FORMS[self.kind]
        return forms[self.ordinal % len(forms)]


def _list_roman(semesters: Iterable[int]) -> str:
    return ", ".join(ROMAN[semester] for semester in semesters)


@cache
def first_releases(count: int) -> tuple[Release, ...]:
    """Return the first `count` releases."""
    return tuple(islice(_all_releases(), count))


def count_cohorts(releases: tuple[Release, ...]) -> int:
    """Return how many cohorts have sat an examination by the last of these releases."""
    return releases[-1].session // SESSIONS_PER_YEAR + 1


def standard_semester(session: int, cohort: int) -> int:
    """Return the semester of a cohort without detentions; it joins in session 2 × cohort."""
    return session - SESSIONS_PER_YEAR * cohort + 1


def is_detention_applied(release: Release) -> bool:
    """Return whether the promotion rule applies; the government waives it every third year."""
    return release.is_even_session and release.year % 3 != 0


def _all_releases() -> Iterator[Release]:
    ordinals = count()
    for year in count(FIRST_YEAR):
        for kind, session, months, key, published_on in _releases_of_year(year):
            yield Release(next(ordinals), key, kind, session, year, months, published_on)


def _releases_of_year(year: int) -> Iterator[tuple[Kind, int, tuple[int, ...], str, date]]:
    turn = year - FIRST_YEAR
    odd, even = SESSIONS_PER_YEAR * turn, SESSIONS_PER_YEAR * turn + 1
    has_supplementary = turn % 2 == 0
    shift = turn % 5

    def key(year: int, numbers: tuple[int, ...]) -> str:
        return f"{year}{numbers[(year - FIRST_YEAR) % len(numbers)]:04d}"

    yield Kind.MAIN, odd, ODD_MONTHS, key(year, ODD_NUMBERS), date(year, 4, 22 - shift)
    revaluation_key = key(year, ODD_REVALUATION_NUMBERS)
    yield Kind.REVALUATION, odd, ODD_MONTHS, revaluation_key, date(year, 6, 27 + shift % 3)
    if has_supplementary:
        main_key, revaluation_key = key(year, EVEN_NUMBERS), f"becbcsaug{year % 100:02d}"
    else:
        main_key, revaluation_key = f"{year}becbcs", key(year, EVEN_REVALUATION_NUMBERS)
    yield Kind.MAIN, even, EVEN_MONTHS, main_key, date(year, 10, 4 + shift)
    yield Kind.REVALUATION, even, EVEN_MONTHS, revaluation_key, date(year, 12, 6 + shift)
    if has_supplementary:
        supplementary_key = key(year + 1, SUPPLEMENTARY_NUMBERS)
        published_on = date(year + 1, 1, 9 + shift)
        yield Kind.SUPPLEMENTARY, even, SUPPLEMENTARY_MONTHS, supplementary_key, published_on
