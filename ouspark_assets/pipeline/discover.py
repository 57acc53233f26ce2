"""Discover releases: add them to `source.release_index`, from the index page, by hand, or the lake.

How the page and its titles are read is in `sources/results_site/`. Registering releases as
partitions is in `orchestration/`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.domain.releases import in_release_order, require_release_key
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.validation import require_valid
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_index import (
    make_release_row,
    merge_index,
    parse_index,
    require_links,
)
from ouspark_assets.sources.results_site.site_index import fetch_index
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import MergeResult, write_transaction


@dataclass(frozen=True)
class IndexUpdate:
    """What reading the index page once did to `source.release_index`."""

    page_url: str
    links: int
    problems: tuple[str, ...]
    index: pl.DataFrame
    change: MergeResult


def update_release_index(
    connection: Connection,
    settings: SiteSettings,
    site_url: str,
    run_id: str,
    warn: Callable[[str], None],
) -> IndexUpdate:
    """Fetch the index page and merge its links into the release index.

    A release that is no longer on the page stays in the index. Problems of single links are
    passed to `warn`; a page without any result link raises `SiteError`.
    """
    page = asyncio.run(fetch_index(settings, site_url))
    found = parse_index(page.body or b"", page.url, seen_at=datetime.now(UTC))
    for problem in found.problems:
        warn(problem)
    require_links(found, page.url)
    with write_transaction(connection, run_id) as writer:
        index = merge_index(read_table(connection, RELEASE_INDEX), found.frame)
        require_valid(RELEASE_INDEX, index)
        change = writer.merge(RELEASE_INDEX, [index])
    return IndexUpdate(page.url, found.frame.height, found.problems, index, change)


def build_release_row(key: str, site_url: str, title: str) -> pl.DataFrame:
    """Return the index row of a release that an operator names.

    A title of another course raises `UsageError`: the release would be registered, but no run
    would ever select it.
    """
    row = make_release_row(
        require_release_key(key), site_url, seen_at=datetime.now(UTC), title=title
    )
    if row["course"].item() is None:
        message = (
            f"{row['title'].item()!r} does not name a B.E. examination. Give the title as the "
            "results page has it, or leave out --title."
        )
        raise UsageError(message)
    return row


def add_release(connection: Connection, row: pl.DataFrame, run_id: str) -> None:
    """Merge the row of one release into the index, if it is new or adds a missing title.

    A title other than the known one raises `UsageError`.
    """
    release, title = row["release"].item(), row["title"].item()
    with write_transaction(connection, run_id) as writer:
        index = read_table(connection, RELEASE_INDEX)
        known = index.filter(pl.col("release") == release)
        known_title = None if known.is_empty() else known["title"].item()
        if known_title and title and title != known_title:
            message = f"Release {release} is already known with the title {known_title!r}."
            raise UsageError(message)
        if known.is_empty() or (title and not known_title):
            writer.merge(RELEASE_INDEX, [merge_index(index, row)])


def index_archived_releases(
    connection: Connection, archive: PageArchive, find_site_url: Callable[[], str], run_id: str
) -> list[str]:
    """Return the releases of the lake, oldest first, after adding those that the index lacks.

    The index lacks releases when the database is new; `find_site_url` is called only then.
    """
    archived = archive.releases()
    with write_transaction(connection, run_id) as writer:
        index = read_table(connection, RELEASE_INDEX)
        for release in sorted(set(archived) - set(index["release"])):
            row = make_release_row(release, find_site_url(), seen_at=datetime.now(UTC))
            index = merge_index(index, row)
        writer.merge(RELEASE_INDEX, [index])
    return in_release_order(index).filter(pl.col("release").is_in(archived))["release"].to_list()
