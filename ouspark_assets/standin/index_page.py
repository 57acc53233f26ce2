"""The index of all results: links to our releases among those of other courses, newest first.

The releases of other courses and of old B.E. batches are defined here. Their pages exist and know
none of our students. Our own releases are in `release_calendar.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from html import escape
from typing import Final

from ouspark_assets.standin.release_calendar import MAX_RELEASES, ROMAN, first_releases

CHARSET: Final = "utf-8"
INDEX_PATH: Final = "/examination-results.php"
RESULTS_FOLDER: Final = "/res07/"
_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}", re.ASCII)

# This link looks like one of ours but names another host, so clients must not follow it.
FOREIGN_ROW: Final = (
    "<tr><td>Pre-Ph.D. (Sciences) Results hosted by the Directorate</td><td>{day}</td>"
    '<td><a href="http://results.invalid/res07/20249999.jsp">Click Here</a></td></tr>\n'
)

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Osmania University - Examination Results</title></head>
<body>
<div class="header"><a href="/index.php">Home</a> | <a href="/examination-results.php">\
Examination Results</a> | <a href="/timetables.php">Time Tables</a></div>
<h2>Examination Results</h2>
<table class="table table-bordered" id="results">
<tr><th>Examination</th><th>Date</th><th>Result</th></tr>
{rows}</table>
</body>
</html>
"""

# The other courses publish every nine days, with page numbers that restart every year.
FIRST_DAY: Final = date(2022, 1, 11)
OTHER_RELEASE_INTERVAL: Final = timedelta(days=9)
FIRST_NUMBER, NUMBER_STEP = 101, 31
LISTED_AFTER_OURS: Final = timedelta(days=6)
SESSION_BEFORE_RESULTS: Final = timedelta(days=70)
OTHER_MONTHS: Final = ("January", "March", "May/June", "July", "September", "Nov/Dec")
OTHER_TITLES: Final = (
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


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A release as the index lists it."""

    key: str
    title: str
    published_on: date


@cache
def list_other_releases(until: date) -> tuple[IndexEntry, ...]:
    """Return the releases of other courses up to a few days after a day, oldest first."""
    ours = {release.key for release in first_releases(MAX_RELEASES)}
    listed = []
    turn, day, number, year = 0, FIRST_DAY, FIRST_NUMBER, FIRST_DAY.year
    while day <= until + LISTED_AFTER_OURS:
        number = number + NUMBER_STEP if day.year == year else FIRST_NUMBER
        year = day.year
        key = f"{year}{number:04d}"
        if key not in ours:
            session = day - SESSION_BEFORE_RESULTS
            title = OTHER_TITLES[turn % len(OTHER_TITLES)].format(
                months=OTHER_MONTHS[(session.month - 1) // 2],
                year=session.year,
                roman=ROMAN[turn % 6 + 1],
            )
            listed.append(IndexEntry(key, title, day))
        turn, day = turn + 1, day + OTHER_RELEASE_INTERVAL
    return tuple(listed)


def render_index(entries: Sequence[IndexEntry], host: str | None) -> bytes:
    """Return the index as the clients of a host see it, the newest release first.

    Links are relative or absolute. Absolute ones name the requested host, so they lead back here.
    """
    root = f"http://{host}" if host and _HOST.fullmatch(host) else ""
    newest_first = sorted(entries, key=lambda entry: (entry.published_on, entry.key), reverse=True)
    rows = [_render_row(entry, root) for entry in newest_first]
    if newest_first:
        rows.append(FOREIGN_ROW.format(day=f"{newest_first[-1].published_on:%d-%m-%Y}"))
    return _PAGE.format(rows="".join(rows)).encode(CHARSET)


def _render_row(entry: IndexEntry, root: str) -> str:
    title, day = escape(entry.title, quote=False), f"{entry.published_on:%d-%m-%Y}"
    # The form of a row and of its link vary with the key.
    variant = sum(map(ord, entry.key))
    prefix = ("", "/", f"{root}/")[variant % 4 % 3]
    link = f"{prefix}{RESULTS_FOLDER.strip('/')}/{entry.key}.jsp"
    if variant % 3:
        return f'<tr><td>{title}</td><td>{day}</td><td><a href="{link}">Click Here</a></td></tr>\n'
    return (
        f'<tr><td><a href="{link}" target="_blank">{title}</a></td><td>{day}</td>'
        "<td>&nbsp;</td></tr>\n"
    )
