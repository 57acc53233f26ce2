"""The index page of the site, read into rows of `source.release_index`, and which to fetch.

Pure: bytes and frames in, frames out. Fetching the page is `client.py`, reading titles `titles.py`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import polars as pl
from lxml import etree, html

from ouspark_assets.domain.releases import (
    BE_COURSE,
    ExamKind,
    Scheme,
    checked_release_key,
    in_release_order,
    is_release_key,
)
from ouspark_assets.errors import SiteError
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.site.titles import TitleFacts, read_title

INDEX_PATH = "/examination-results.php"
RESULTS_FOLDER = "res07"
LONGEST_TITLE_SHOWN = 120
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


@dataclass(frozen=True, slots=True)
class IndexReading:
    """What an index page says: rows of `source.release_index`, and what could not be read."""

    frame: pl.DataFrame
    problems: tuple[str, ...]


def read_index(body: bytes, page_url: str, *, seen_at: datetime) -> IndexReading:
    """Every result link of an index page; a title that can't be read is kept and reported."""
    problems: list[str] = []
    links = _first_of_each(find_links(body, page_url, problems), problems)
    rows = [_row(link, seen_at, problems) for link in links]
    frame = RELEASE_INDEX.conform(pl.DataFrame(rows, schema=RELEASE_INDEX.dtypes, orient="row"))
    return IndexReading(with_revises(frame), tuple(problems))


def find_links(body: bytes, page_url: str, problems: list[str]) -> Iterator[IndexLink]:
    """The links to result pages, top to bottom; those of other hosts are reported and left out."""
    tree = _parsed(body)
    if tree is None:
        problems.append("the index page is empty")
        return
    for anchor in tree.iter("a"):
        url = _resolved(page_url, anchor.get("href"))
        found = _RESULT_PATH.search(url.path) if url else None
        if url is None or found is None:
            continue
        if not same_site(url.geturl(), page_url):
            problems.append(f"a link to another host was left out: {_shown(url.netloc)}")
        elif not is_release_key(found["stem"]):
            problems.append(
                f"a link whose name can't be a release key was left out: {_shown(url.path)}"
            )
        else:
            title, published_on = _title_and_day(anchor)
            site = urlsplit(page_url)
            address = f"{site.scheme}://{site.netloc}{url.path}"
            yield IndexLink(found["stem"], title, address, published_on)


def merge_index(known: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """What is known after reading the index again: nothing disappears, first sight is kept."""
    before = known.select("release", "first_seen_at", before="published_on")
    fresh = (
        read.drop("first_seen_at")
        .join(before, on="release", how="left")
        .with_columns(
            pl.col("first_seen_at").fill_null(read["first_seen_at"].max()),
            pl.col("published_on").fill_null(pl.col("before")),
        )
    )
    gone = known.join(read, on="release", how="anti")
    frame = pl.concat([RELEASE_INDEX.conform(fresh), RELEASE_INDEX.conform(gone)])
    return with_revises(frame)


def added_release(key: str, site_url: str, *, seen_at: datetime, title: str = "") -> pl.DataFrame:
    """A row for a release that the index does not show, named by hand."""
    url = f"{site_url.rstrip('/')}/{RESULTS_FOLDER}/{checked_release_key(key)}.jsp"
    row = _row(IndexLink(key, title, url, None), seen_at, [])
    if not title:
        row |= {"course": BE_COURSE}
    return RELEASE_INDEX.conform(pl.DataFrame([row], schema=RELEASE_INDEX.dtypes, orient="row"))


def with_revises(index: pl.DataFrame) -> pl.DataFrame:
    """The index with `revises`: the one main release of a revaluation's session, else null."""
    rows = index.to_dicts()
    main = [row for row in rows if row["exam_kind"] == ExamKind.MAIN]
    revises = [
        _revised(row, main) if row["exam_kind"] == ExamKind.REVALUATION else None for row in rows
    ]
    return index.with_columns(pl.Series("revises", revises, dtype=pl.String))


def usual_scheme() -> pl.Expr:
    """B.E. releases whose title names CBCS or AICTE: those that are brought in unasked."""
    return _engineering() & pl.col("scheme").is_in([Scheme.CBCS.value, Scheme.AICTE.value])


def no_scheme() -> pl.Expr:
    """B.E. releases whose title names no scheme: perhaps CBCS, so they are worth a word."""
    return _engineering() & pl.col("scheme").is_null()


def _engineering() -> pl.Expr:
    return pl.col("course") == BE_COURSE


def selected_releases(
    index: pl.DataFrame,
    *,
    releases: Iterable[str] = (),
    since: int | None = None,
    all_: bool = False,
    complete: frozenset[str] = frozenset(),
) -> list[str]:
    """The releases to bring in, oldest first: those named, else the last year's incomplete ones."""
    ordered = in_release_order(index)
    if named := tuple(releases):
        _refuse_unknown(named, index)
        return ordered.filter(pl.col("release").is_in(named))["release"].to_list()
    wanted = ordered.filter(usual_scheme() | no_scheme() if all_ else usual_scheme())
    if not all_:
        wanted = wanted.filter(_year() >= (last_year_of(index) if since is None else since))
    return [key for key in wanted["release"].to_list() if key not in complete]


def left_out_for_want_of_a_scheme(index: pl.DataFrame) -> list[str]:
    """The last year's B.E. releases that are not brought in because their title says too little."""
    recent = in_release_order(index).filter(no_scheme(), _year() >= last_year_of(index))
    return recent["release"].to_list()


def last_year_of(index: pl.DataFrame) -> int:
    """The session year from which on a release is of the last year, by the newest on the index."""
    newest = index.filter(_engineering()).select(_year().max()).item()
    return newest - 1 if isinstance(newest, int) else 0


def _year() -> pl.Expr:
    return pl.coalesce("session_year", pl.col("published_on").dt.year().cast(pl.Int16))


def _refuse_unknown(named: tuple[str, ...], index: pl.DataFrame) -> None:
    known = set(index["release"])
    if unknown := [checked_release_key(key) for key in named if key not in known]:
        message = (
            f"release {', '.join(unknown)} is not known: check the key against"
            " `ouspark releases list`, or add it with `ouspark releases add KEY`"
        )
        raise SiteError(message)


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


def _title_and_day(anchor: html.HtmlElement) -> tuple[str, date | None]:
    """The title and the date beside a link: of its table row or list item, else its own text."""
    own = _text(anchor)
    row = next(anchor.iterancestors("tr", "li"), None)
    if row is None:
        return own, _day(own)
    cells = [(_text(cell), cell) for cell in row.iter("td", "th")]
    links = [link for link in row.iter("a") if RESULTS_FOLDER in (link.get("href") or "").lower()]
    short = [text for text, _ in cells if len(text) <= LONGEST_DATE]
    published_on = next((day for text in short if (day := _day(text))), None)
    if len(links) > 1 or not cells:
        return own, published_on or (None if cells else _day(_text(row)))
    beside = [text for text, cell in cells if anchor not in set(cell.iter("a"))]
    titles = [text for text in (own, *beside) if not _DAY.fullmatch(text)]
    return max(titles, key=_worth, default=own), published_on


def _worth(text: str) -> tuple[bool, bool, int]:
    """How much a text looks like the title among those of a row."""
    return read_title(text).readable, _is_title(text), len(text)


def _is_title(text: str) -> bool:
    return text.casefold() not in NO_TITLES and any(letter.isalpha() for letter in text)


def _text(element: html.HtmlElement) -> str:
    return " ".join(str(element.text_content()).split())


def _day(text: str) -> date | None:
    for found in _DAY.finditer(text):
        try:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            continue
    return None


def _first_of_each(links: Iterable[IndexLink], problems: list[str]) -> list[IndexLink]:
    """One link per release: the first whose title can be read, else the first."""
    chosen: dict[str, IndexLink] = {}
    for link in links:
        before = chosen.setdefault(link.release, link)
        if before.title == link.title:
            continue
        problems.append(f"release {link.release} is linked twice: {_shown(link.title)}")
        if not read_title(before.title).readable and read_title(link.title).readable:
            chosen[link.release] = link
    return list(chosen.values())


def _row(link: IndexLink, seen_at: datetime, problems: list[str]) -> dict[str, object]:
    facts = read_title(link.title)
    year, month = facts.session_year, facts.session_month
    if year and link.published_on and year > link.published_on.year:
        problems.append(
            f"release {link.release} was published before its session: {_shown(link.title)}"
        )
        year = month = None
    elif not facts.readable:
        problems.append(
            f"release {link.release} has a title that can't be read: {_shown(link.title)}"
        )
    return _columns(link, facts, seen_at) | {"session_year": year, "session_month": month}


def _columns(link: IndexLink, facts: TitleFacts, seen_at: datetime) -> dict[str, object]:
    return {
        "release": link.release,
        "title": link.title,
        "url": link.url,
        "course": facts.course,
        "scheme": facts.scheme.value if facts.scheme else None,
        "exam_kind": facts.kind.value,
        "revises": None,
        "semesters": list(facts.semesters) if facts.semesters else None,
        "session_month": facts.session_month,
        "session_year": facts.session_year,
        "published_on": link.published_on,
        "first_seen_at": seen_at,
    }


def _revised(row: dict[str, Any], main: list[dict[str, Any]]) -> str | None:
    """The main release of a revaluation's session: by scheme, then by semesters, if just one."""
    if row["course"] is None or row["session_year"] is None or row["session_month"] is None:
        return None
    same = [
        other
        for other in main
        if all(other[name] == row[name] for name in ("course", "session_year", "session_month"))
        and _same_pages(other["scheme"], row["scheme"])
    ]
    exact = [other for other in same if other["scheme"] == row["scheme"]]
    candidates = exact or same
    if len(candidates) > 1 and row["semesters"]:
        wanted = set(row["semesters"])
        candidates = [other for other in candidates if wanted <= set(other["semesters"] or ())]
    return str(candidates[0]["release"]) if len(candidates) == 1 else None


def _same_pages(one: str | None, other: str | None) -> bool:
    """Whether two schemes may share a session's page: AICTE's regulations are choice-based too."""
    return (one == Scheme.NON_CBCS) == (other == Scheme.NON_CBCS) or None in (one, other)


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST_TITLE_SHOWN else text[: LONGEST_TITLE_SHOWN - 1] + "…"
