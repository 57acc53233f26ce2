"""Releases of other courses and of old B.E. batches, which the index lists among ours.

Their pages exist and know none of our students.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

from ouspark_assets.standin.release_calendar import MOST_RELEASES, timetable

FIRST_DAY: Final = date(2022, 1, 11)
DAYS_BETWEEN: Final = 9
FIRST_NUMBER, NUMBERS_BETWEEN = 101, 31
LISTED_AFTER_OURS: Final = timedelta(days=6)
MONTHS: Final = ("January", "March", "May/June", "July", "September", "Nov/Dec")

TITLES: Final = (
    "M.C.A. (CBCS) I & III Semester {months} {year} Examination Results",
    "LL.B. (3 YDC) {roman} Semester (Regular & Backlog) {months} {year} Results",
    "B.C.A. (CBCS) {roman} Sem Regular {months}-{year} Results",
    "B.Sc. (CBCS) {roman} Semester {months} {year} Results",
    "M.B.A. (CBCS) {roman} Sem (RV) {months}-{year}",
    "B.E. (Non-CBCS) (RV) {months}-{year} Results",
    "B.Com. (CBCS) {roman} Sem Backlogs {months}-{year} Results",
    "M.Sc. (Mathematics) {roman} Semester {months} {year} Results",
    "B.E. (Non-CBCS) I to IV Year Main & Supplementary {months} {year} Results",
    "B.Pharm. (PCI) {roman} Semester {months} {year} Examination Results",
    "M.E./M.Tech. {roman} Semester Main {months}-{year} Results",
    "B.Ed. (CBCS) {roman} Semester {months} {year} Results",
    "Ph.D. Pre-Examination in Engineering (Civil) {months} {year} Results",
)
ROMAN: Final = ("I", "II", "III", "IV", "V", "VI")


@dataclass(frozen=True, slots=True)
class OtherRelease:
    """A release of another course."""

    key: str
    title: str
    published_on: date


@cache
def other_releases(until: date) -> tuple[OtherRelease, ...]:
    """What other courses have published by a day, oldest first."""
    ours = {release.key for release in timetable(MOST_RELEASES)}
    listed = []
    turn, day, number, year = 0, FIRST_DAY, FIRST_NUMBER, FIRST_DAY.year
    while day <= until + LISTED_AFTER_OURS:
        number = number + NUMBERS_BETWEEN if day.year == year else FIRST_NUMBER
        year = day.year
        key = f"{year}{number:04d}"
        if key not in ours:
            listed.append(OtherRelease(key, _title(turn, day), day))
        turn, day = turn + 1, day + timedelta(days=DAYS_BETWEEN)
    return tuple(listed)


def _title(turn: int, day: date) -> str:
    session = day - timedelta(days=70)
    return TITLES[turn % len(TITLES)].format(
        months=MONTHS[(session.month - 1) // 2],
        year=session.year,
        roman=ROMAN[turn % len(ROMAN)],
    )
