"""The rows of `source.release_index`: made from the index page, merged, and selected from.

Bytes and frames in, frames out, without I/O. `site_index.py` fetches the page and extracts its
links, `release_titles.py` reads their titles.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

import polars as pl

from ouspark_assets.domain.errors import SiteError, UsageError
from ouspark_assets.domain.releases import (
    BE_COURSE,
    ExamKind,
    Scheme,
    in_release_order,
    require_release_key,
)
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.release_titles import MAX_TITLE_LENGTH, read_title
from ouspark_assets.sources.results_site.site_index import (
    RESULTS_FOLDER,
    IndexLink,
    extract_links,
    shorten,
)

# The university's index has a few hundred to 2,000 links. Every release becomes a partition, so a
# page with more must not be taken for the index.
MAX_LINKS = 3_000
MAX_PROBLEMS = 100

# Course, session year, session month.
Session: TypeAlias = tuple[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class ParsedIndex:
    """The rows of `source.release_index` on an index page, and what could not be read."""

    frame: pl.DataFrame
    problems: tuple[str, ...]


# Reading and merging


def parse_index(body: bytes, page_url: str, *, seen_at: datetime) -> ParsedIndex:
    """Return a row for every result link; an unreadable title is kept and reported."""
    problems: list[str] = []
    links = list(islice(extract_links(body, page_url, problems), MAX_LINKS + 1))
    if len(links) > MAX_LINKS:
        message = (
            f"The index page {page_url} has more than {MAX_LINKS} result links, so it is not the"
            " index. Check OUSPARK_SITE_URL."
        )
        raise SiteError(message)
    rows = [_make_row(link, seen_at, problems) for link in _choose_links(links, problems)]
    frame = RELEASE_INDEX.conform(pl.DataFrame(rows, schema=RELEASE_INDEX.dtypes, orient="row"))
    problems = list(dict.fromkeys(problems))
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [f"and {len(problems) - MAX_PROBLEMS} more like these"]
    return ParsedIndex(add_revises(frame), tuple(problems))


def require_links(index: ParsedIndex, page_url: str) -> None:
    """Raise SiteError if a page has no result link, because then it is not the index."""
    if index.frame.is_empty():
        message = (
            f"The page {page_url} has no link to a results page. Check that OUSPARK_SITE_URL is"
            " the root of the results site."
        )
        raise SiteError(message)


def merge_index(known: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """Return the known rows updated by those just read.

    No row disappears. `first_seen_at` stays, and so does `published_on` if the new row has none.
    """
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
    """Return the row of a release that the operator adds by hand; without a title it is B.E."""
    url = f"{site_url.rstrip('/')}/{RESULTS_FOLDER}/{require_release_key(key)}.jsp"
    row = _make_row(IndexLink(key, title[:MAX_TITLE_LENGTH], url, None), seen_at, [])
    if not title:
        row |= {"course": BE_COURSE}
    return RELEASE_INDEX.conform(pl.DataFrame([row], schema=RELEASE_INDEX.dtypes, orient="row"))


def _choose_links(links: Iterable[IndexLink], problems: list[str]) -> list[IndexLink]:
    """Return one link per release: the first with a readable title, else the first."""
    chosen: dict[str, IndexLink] = {}
    for link in links:
        before = chosen.setdefault(link.release, link)
        if before.title == link.title:
            continue
        problems.append(f"Release {link.release} is linked twice: {shorten(link.title)}")
        if not read_title(before.title).readable and read_title(link.title).readable:
            chosen[link.release] = link
    return list(chosen.values())


def _make_row(link: IndexLink, seen_at: datetime, problems: list[str]) -> dict[str, object]:
    facts = read_title(link.title)
    year, month = facts.session_year, facts.session_month
    if year and link.published_on and year > link.published_on.year:
        problems.append(
            f"Release {link.release} was published before its session: {shorten(link.title)}"
        )
        year = month = None
    elif not facts.readable:
        problems.append(
            f"Release {link.release} has a title that cannot be read: {shorten(link.title)}"
        )
    return {
        "release": link.release,
        "title": link.title,
        "url": link.url,
        "course": facts.course,
        "scheme": facts.scheme.value if facts.scheme else None,
        "exam_kind": facts.kind.value,
        "revises": None,
        "semesters": list(facts.semesters) if facts.semesters else None,
        "session_month": month,
        "session_year": year,
        "published_on": link.published_on,
        "first_seen_at": seen_at,
    }


# Revaluation


def add_revises(index: pl.DataFrame) -> pl.DataFrame:
    """Return the index with `revises`: the main release that a revaluation revises, if clear."""
    rows = index.to_dicts()
    main: dict[Session, list[dict[str, Any]]] = {}
    for row in rows:
        if row["exam_kind"] == ExamKind.MAIN:
            main.setdefault(_session_of(row), []).append(row)
    revises = [
        _find_revised(row, main.get(_session_of(row), []))
        if row["exam_kind"] == ExamKind.REVALUATION
        else None
        for row in rows
    ]
    return index.with_columns(pl.Series("revises", revises, dtype=pl.String))


def _session_of(row: dict[str, Any]) -> Session:
    return row["course"], row["session_year"], row["session_month"]


def _find_revised(row: dict[str, Any], main: list[dict[str, Any]]) -> str | None:
    """Return the one main release of a session with this scheme and these semesters, else None."""
    if None in _session_of(row):
        return None
    scheme = row["scheme"]
    exact = [other for other in main if other["scheme"] == scheme]
    # AICTE is a choice-based scheme too, so that CBCS and AICTE may share a page.
    candidates = exact or [
        other
        for other in main
        if None in (other["scheme"], scheme)
        or (other["scheme"] == Scheme.NON_CBCS) == (scheme == Scheme.NON_CBCS)
    ]
    if len(candidates) > 1 and row["semesters"]:
        wanted = set(row["semesters"])
        candidates = [other for other in candidates if wanted <= set(other["semesters"] or ())]
    return str(candidates[0]["release"]) if len(candidates) == 1 else None


# Selection


def select_releases(
    index: pl.DataFrame,
    *,
    releases: Iterable[str] = (),
    since: int | None = None,
    all_: bool = False,
    complete: frozenset[str] = frozenset(),
) -> list[str]:
    """Return the releases to load, oldest first.

    Those are the named `releases`. Without names, they are the incomplete ones that name a modern
    scheme, from the session year `since` or the last year on; `all_` takes every year, and the
    releases without a scheme too.
    """
    ordered = in_release_order(index)
    if named := tuple(releases):
        known = set(index["release"])
        if unknown := [require_release_key(key) for key in named if key not in known]:
            message = (
                f"Release {', '.join(unknown)} is not known. Check the key against"
                " `ouspark releases list`, or add it with `ouspark releases add KEY`."
            )
            raise UsageError(message)
        return ordered.filter(pl.col("release").is_in(named))["release"].to_list()
    modern = pl.col("scheme").is_in([Scheme.CBCS.value, Scheme.AICTE.value])
    if all_:
        wanted = ordered.filter(_is_engineering(), modern | pl.col("scheme").is_null())
    else:
        wanted = ordered.filter(_is_engineering(), modern)
        wanted = wanted.filter(_year() >= (first_recent_year(index) if since is None else since))
    return [key for key in wanted["release"].to_list() if key not in complete]


def find_releases_without_scheme(index: pl.DataFrame) -> list[str]:
    """Return the last year's B.E. releases that are not loaded because they name no scheme.

    They may be CBCS.
    """
    is_recent = _year() >= first_recent_year(index)
    found = in_release_order(index).filter(_is_engineering(), pl.col("scheme").is_null(), is_recent)
    return found["release"].to_list()


def first_recent_year(index: pl.DataFrame) -> int:
    """Return the first session year of "the last year": one before the newest on the index."""
    newest = index.filter(_is_engineering()).select(_year().max()).item()
    return newest - 1 if isinstance(newest, int) else 0


def _is_engineering() -> pl.Expr:
    return pl.col("course") == BE_COURSE


def _year() -> pl.Expr:
    return pl.coalesce("session_year", pl.col("published_on").dt.year().cast(pl.Int16))
