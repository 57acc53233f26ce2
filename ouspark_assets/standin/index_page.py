"""The index of all results: a table of links, newest first, ours among those of other courses.

Links are relative or absolute; absolute ones name the host that was asked, so that they stay here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Final

CHARSET: Final = "utf-8"
INDEX_PATH: Final = "/examination-results.php"
RESULTS_FOLDER: Final = "/res07/"
_HOST: Final = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}", re.ASCII)

# A link that looks like one of ours and is not: other hosts are nobody's business.
ELSEWHERE: Final = (
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


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the index."""

    key: str
    title: str
    published_on: date


def index_page(listed: Sequence[Listed], host: str | None) -> bytes:
    """The index as a host is to see it, the newest release first."""
    root = f"http://{host}" if host and _HOST.fullmatch(host) else ""
    newest = sorted(listed, key=lambda line: (line.published_on, line.key), reverse=True)
    rows = [_row(line, root) for line in newest]
    if newest:
        rows.append(ELSEWHERE.format(day=_day(newest[-1].published_on)))
    return _PAGE.format(rows="".join(rows)).encode(CHARSET)


def _row(line: Listed, root: str) -> str:
    title = escape(line.title, quote=False)
    link = _link(line, root)
    if _digits(line.key) % 3:
        return (
            f'<tr><td>{title}</td><td>{_day(line.published_on)}</td><td><a href="{link}">'
            f"Click Here</a></td></tr>\n"
        )
    return (
        f'<tr><td><a href="{link}" target="_blank">{title}</a></td><td>'
        f"{_day(line.published_on)}</td><td>&nbsp;</td></tr>\n"
    )


def _link(line: Listed, root: str) -> str:
    folder = RESULTS_FOLDER.strip("/")
    prefix = ("", "/", f"{root}/")[_digits(line.key) % 4 % 3]
    return f"{prefix}{folder}/{line.key}.jsp"


def _digits(key: str) -> int:
    return sum(map(ord, key))


def _day(day: date) -> str:
    return f"{day.day:02d}-{day.month:02d}-{day.year}"
