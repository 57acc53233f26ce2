"""The result links of an index page, each with the title and the date beside it.

Pure: HTML in, links out. What a title means is `titles.py`, what becomes of the links `index.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from lxml import etree, html

from ouspark_assets.domain.releases import is_release_key
from ouspark_assets.sources.results_site.release_titles import LONGEST_TITLE, read_title

RESULTS_FOLDER = "res07"
LONGEST_PATH, LONGEST_TITLE_SHOWN = 200, 120
# Round brackets, quotes and blanks would be something else in a shell or in Markdown.
OF_A_PATH = "/%:@!$&*+,;=~"
LONGEST_DATE = len("Dated: 00-00-0000 00:00 AM")
# What links say that stand beside their title.
NO_TITLES = ("click here", "view", "result", "here", "download", "new")

_RESULT_PATH = re.compile(rf"/{RESULTS_FOLDER}/(?P<stem>[^/]*)\.jsp$", re.IGNORECASE)
_DAY = re.compile(
    r"(?<!\d)(?P<day>\d{1,2})[-./](?P<month>\d{1,2})[-./](?P<year>(?:19|20)\d\d)(?!\d)"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class IndexLink:
    """One result link as the page shows it."""

    release: str
    title: str
    url: str
    published_on: date | None


def find_links(body: bytes, page_url: str, problems: list[str]) -> Iterator[IndexLink]:
    """The links to result pages, top to bottom; those of other hosts are reported and left out."""
    tree = _parsed(body)
    if tree is None:
        problems.append("the index page is empty")
        return
    rows: dict[html.HtmlElement, _Row] = {}
    for anchor in tree.iter("a"):
        url = _resolved(page_url, anchor.get("href"))
        found = _RESULT_PATH.search(url.path) if url else None
        if url is None or found is None:
            continue
        if not same_site(url.geturl(), page_url):
            problems.append(f"a link to another host was left out: {shown(url.netloc)}")
        elif not is_release_key(found["stem"]) or len(url.path) > LONGEST_PATH:
            problems.append(
                f"a link whose name can't be a release key was left out: {shown(url.path)}"
            )
        else:
            title, published_on = _title_and_day(anchor, rows)
            site = urlsplit(page_url)
            address = f"{site.scheme}://{site.netloc}{quote(url.path, safe=OF_A_PATH)}"
            yield IndexLink(found["stem"], title[:LONGEST_TITLE], address, published_on)


def shown(text: str) -> str:
    """A text of the page as it may be shown in a line."""
    text = _printable(text)
    return text if len(text) <= LONGEST_TITLE_SHOWN else text[: LONGEST_TITLE_SHOWN - 1] + "…"


def _parsed(body: bytes) -> html.HtmlElement | None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")
    # lxml refuses text that declares an encoding; the declaration has been heeded or overruled.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text).replace("\x00", "")
    try:
        return html.fromstring(text) if text.strip() else None
    except etree.ParserError:
        return None


def _resolved(page_url: str, href: str | None) -> SplitResult | None:
    if not href:
        return None
    try:
        return urlsplit(urljoin(page_url, href.strip()))
    except ValueError:
        return None


def same_site(url: str, page_url: str) -> bool:
    """Whether two addresses are of one host: www and bare, http and https count as one."""
    return _host(url) == _host(page_url)


def _host(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    usual = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
    return (parts.hostname or "").removeprefix("www."), None if usual else port


@dataclass(frozen=True, slots=True)
class _Row:
    """A table row or list item, read once for all the links in it."""

    cells: list[tuple[str, html.HtmlElement]]
    links: int
    published_on: date | None


def _row_of(element: html.HtmlElement) -> _Row:
    cells = [(_text(cell), cell) for cell in element.iter("td", "th")]
    hrefs = [(link.get("href") or "").lower() for link in element.iter("a")]
    short = [text for text, _ in cells if len(text) <= LONGEST_DATE]
    day = next((day for text in short if (day := _day(text))), None)
    return _Row(
        cells,
        sum(RESULTS_FOLDER in href for href in hrefs),
        day if cells else _day(_text(element)),
    )


def _title_and_day(
    anchor: html.HtmlElement, rows: dict[html.HtmlElement, _Row]
) -> tuple[str, date | None]:
    """The title and the date beside a link: of its table row or list item, else its own text."""
    own = _text(anchor)
    element = next(anchor.iterancestors("tr", "li"), None)
    if element is None:
        return own, _day(own)
    if element not in rows:
        rows[element] = _row_of(element)
    row = rows[element]
    if row.links > 1 or not row.cells:
        return own, row.published_on
    beside = [text for text, cell in row.cells if anchor not in set(cell.iter("a"))]
    titles = [text for text in (own, *beside) if not _DAY.fullmatch(text)]
    return max(titles, key=_worth, default=own), row.published_on


def _worth(text: str) -> tuple[bool, bool, int]:
    """How much a text looks like the title among those of a row."""
    return read_title(text).readable, _is_title(text), len(text)


def _is_title(text: str) -> bool:
    return text.casefold() not in NO_TITLES and any(letter.isalpha() for letter in text)


def _text(element: html.HtmlElement) -> str:
    return _printable(" ".join(str(element.text_content()).split()))


def _printable(text: str) -> str:
    """The text; what would garble a terminal or a log is a replacement character."""
    if text.isprintable():
        return text
    return "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in text)


def _day(text: str) -> date | None:
    for found in _DAY.finditer(text):
        try:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            continue
    return None
