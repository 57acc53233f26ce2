"""The index page of the site, read into rows of `source.release_index`, and which to fetch.

Pure: bytes and frames in, frames out. TicketFetcher the page is `index_page.py`, its links are
`index_links.py`, reading titles is `titles.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

import polars as pl

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.domain.releases import (
    BE_COURSE,
    ExamKind,
    Scheme,
    in_release_order,
    require_release_key,
)
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.index_links import (
    RESULTS_FOLDER,
    IndexLink,
    find_links,
    shown,
)
from ouspark_assets.sources.results_site.release_titles import LONGEST_TITLE, TitleFacts, read_title

INDEX_PATH = "/examination-results.php"
# The university's has a few hundred. Every release is a partition, so it had better be an index.
MOST_LINKS = 3_000
MOST_PROBLEMS = 100

# Course, year, month.
Session: TypeAlias = tuple[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class ParsedIndex:
    """What an index page says: rows of `source.release_index`, and what could not be read."""

    frame: pl.DataFrame
    problems: tuple[str, ...]


def read_index(body: bytes, page_url: str, *, seen_at: datetime) -> ParsedIndex:
    """Every result link of an index page; a title that can't be read is kept and reported."""
    problems: list[str] = []
    found = list(islice(find_links(body, page_url, problems), MOST_LINKS + 1))
    if len(found) > MOST_LINKS:
        message = (
            f"the index page {page_url} has more than {MOST_LINKS} result links, which no index"
            " has: check OUSPARK_SITE_URL"
        )
        raise SiteError(message)
    rows = [_row(link, seen_at, problems) for link in _first_of_each(found, problems)]
    frame = RELEASE_INDEX.conform(pl.DataFrame(rows, schema=RELEASE_INDEX.dtypes, orient="row"))
    return ParsedIndex(add_revises(frame), _without_end(problems))


def require_links(reading: ParsedIndex, page_url: str) -> None:
    """Refuse a page without a single result link: whatever it is, it is not the index."""
    if reading.frame.is_empty():
        message = (
            f"the page {page_url} has no link to a result page: check that OUSPARK_SITE_URL is the"
            " root of the results site"
        )
        raise SiteError(message)


def _without_end(problems: list[str]) -> tuple[str, ...]:
    """Each problem once, and no more of them than somebody reads."""
    different = tuple(dict.fromkeys(problems))
    if len(different) <= MOST_PROBLEMS:
        return different
    return (*different[:MOST_PROBLEMS], f"and {len(different) - MOST_PROBLEMS} more like these")


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
    return add_revises(frame)


def make_release_row(
    key: str, site_url: str, *, seen_at: datetime, title: str = ""
) -> pl.DataFrame:
    """A row for a release that the index does not show, named by hand."""
    url = f"{site_url.rstrip('/')}/{RESULTS_FOLDER}/{require_release_key(key)}.jsp"
    row = _row(IndexLink(key, title[:LONGEST_TITLE], url, None), seen_at, [])
    if not title:
        row |= {"course": BE_COURSE}
    return RELEASE_INDEX.conform(pl.DataFrame([row], schema=RELEASE_INDEX.dtypes, orient="row"))


def add_revises(index: pl.DataFrame) -> pl.DataFrame:
    """The index with `revises`: the one main release of a revaluation's session, else null."""
    rows = index.to_dicts()
    main: dict[Session, list[dict[str, Any]]] = {}
    for row in rows:
        if row["exam_kind"] == ExamKind.MAIN:
            main.setdefault(_session(row), []).append(row)
    revises = [
        _revised(row, main.get(_session(row), []))
        if row["exam_kind"] == ExamKind.REVALUATION
        else None
        for row in rows
    ]
    return index.with_columns(pl.Series("revises", revises, dtype=pl.String))


def names_modern_scheme() -> pl.Expr:
    """B.E. releases whose title names CBCS or AICTE: those that are brought in unasked."""
    return _engineering() & pl.col("scheme").is_in([Scheme.CBCS.value, Scheme.AICTE.value])


def names_no_scheme() -> pl.Expr:
    """B.E. releases whose title names no scheme: perhaps CBCS, so they are worth a word."""
    return _engineering() & pl.col("scheme").is_null()


def _engineering() -> pl.Expr:
    return pl.col("course") == BE_COURSE


def select_releases(
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
    wanted = ordered.filter(
        names_modern_scheme() | names_no_scheme() if all_ else names_modern_scheme()
    )
    if not all_:
        wanted = wanted.filter(_year() >= (first_recent_year(index) if since is None else since))
    return [key for key in wanted["release"].to_list() if key not in complete]


def find_releases_without_scheme(index: pl.DataFrame) -> list[str]:
    """The last year's B.E. releases that are not brought in because their title says too little."""
    recent = in_release_order(index).filter(names_no_scheme(), _year() >= first_recent_year(index))
    return recent["release"].to_list()


def first_recent_year(index: pl.DataFrame) -> int:
    """The session year from which on a release is of the last year, by the newest on the index."""
    newest = index.filter(_engineering()).select(_year().max()).item()
    return newest - 1 if isinstance(newest, int) else 0


def _year() -> pl.Expr:
    return pl.coalesce("session_year", pl.col("published_on").dt.year().cast(pl.Int16))


def _refuse_unknown(named: tuple[str, ...], index: pl.DataFrame) -> None:
    known = set(index["release"])
    if unknown := [require_release_key(key) for key in named if key not in known]:
        message = (
            f"release {', '.join(unknown)} is not known: check the key against"
            " `ouspark releases list`, or add it with `ouspark releases add KEY`"
        )
        raise SiteError(message)


def _first_of_each(links: Iterable[IndexLink], problems: list[str]) -> list[IndexLink]:
    """One link per release: the first whose title can be read, else the first."""
    chosen: dict[str, IndexLink] = {}
    for link in links:
        before = chosen.setdefault(link.release, link)
        if before.title == link.title:
            continue
        problems.append(f"release {link.release} is linked twice: {shown(link.title)}")
        if not read_title(before.title).readable and read_title(link.title).readable:
            chosen[link.release] = link
    return list(chosen.values())


def _row(link: IndexLink, seen_at: datetime, problems: list[str]) -> dict[str, object]:
    facts = read_title(link.title)
    year, month = facts.session_year, facts.session_month
    if year and link.published_on and year > link.published_on.year:
        problems.append(
            f"release {link.release} was published before its session: {shown(link.title)}"
        )
        year = month = None
    elif not facts.readable:
        problems.append(
            f"release {link.release} has a title that can't be read: {shown(link.title)}"
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


def _session(row: dict[str, Any]) -> Session:
    return row["course"], row["session_year"], row["session_month"]


def _revised(row: dict[str, Any], main: list[dict[str, Any]]) -> str | None:
    """The main release among those of its session: by scheme, then by semesters, if just one."""
    if None in _session(row):
        return None
    same = [other for other in main if _same_pages(other["scheme"], row["scheme"])]
    exact = [other for other in same if other["scheme"] == row["scheme"]]
    candidates = exact or same
    if len(candidates) > 1 and row["semesters"]:
        wanted = set(row["semesters"])
        candidates = [other for other in candidates if wanted <= set(other["semesters"] or ())]
    return str(candidates[0]["release"]) if len(candidates) == 1 else None


def _same_pages(one: str | None, other: str | None) -> bool:
    """Whether two schemes may share a session's page: AICTE's regulations are choice-based too."""
    return (one == Scheme.NON_CBCS) == (other == Scheme.NON_CBCS) or None in (one, other)
