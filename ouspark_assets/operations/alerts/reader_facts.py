"""What readers have, beside what they should have: production, the cache, new releases in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from redis import Redis

from ouspark_assets.cache.generation import living_generation, meta_of
from ouspark_assets.cache.prewarming import generation_for
from ouspark_assets.operations.alerts.database_facts import changed_since
from ouspark_assets.operations.alerts.facts import Arrival, Freshness, LiveRelease
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    current_hold,
    last_publication,
)
from ouspark_assets.warehouse.publication.publishing import current_source

# What readers have had for longer is no news.
NEWS_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Living:
    """The generation that readers use, and what it says of itself."""

    name: str | None
    releases: frozenset[str]

    @classmethod
    def of(cls, client: Redis) -> "Living":
        """What the cache has now."""
        name = living_generation(client)
        meta = (meta_of(client, name) if name else None) or {}
        return cls(name, frozenset(meta.get("releases", ())))


@dataclass(frozen=True)
class Published:
    """The newest publication, and what holds the next."""

    last: Publication | None
    held: str | None
    # The first publication, and the releases of what readers had a day ago (or of the first).
    began: datetime | None
    releases_before: frozenset[str]

    @classmethod
    def of(cls, production: Connection, now: datetime) -> "Published":
        """What production has now."""
        hold = current_hold(production)
        row: Any = production.execute(
            """
            SELECT (SELECT min(published_at) FROM ops.publications),
                   coalesce((SELECT releases FROM ops.publications WHERE published_at < %s
                              ORDER BY number DESC LIMIT 1),
                            (SELECT releases FROM ops.publications ORDER BY number LIMIT 1), '{}')
            """,
            (now - NEWS_FOR,),
        ).fetchone()
        began, before = row or (None, [])
        held = str(hold) if hold else None
        return cls(last_publication(production), held, began, frozenset(before))


def publication_freshness(development: Connection, published: Published) -> Freshness:
    """Since when production lacks something that development has."""
    source, last = current_source(development), published.last
    if not source.releases:
        return Freshness(last.number if last else None, None)
    same = last is not None and last.source_database == source.database
    since = changed_since(development, last.source_version if same and last else 0)
    return Freshness(last.number if last else None, since, published.held)


def cache_freshness(published: Published, living: Living) -> Freshness:
    """Since when the cache lacks the newest publication."""
    last = published.last
    if last is None:
        return Freshness(None, None)
    is_current = living.name is not None and generation_for(last).is_called(living.name)
    return Freshness(last.number, None if is_current else last.published_at)


def arrivals(index: pl.DataFrame, living: Living) -> list[Arrival]:
    """The releases that are brought in unasked."""
    expected = index.filter(pl.col("release").is_in(select_releases(index)))
    columns = expected.select("release", "title", "first_seen_at").iter_rows()
    return [
        Arrival(release, title, seen_at, release in living.releases)
        for release, title, seen_at in columns
    ]


def live_releases(
    arrived: Sequence[Arrival],
    published: Published,
    living: Living,
    students: Mapping[str, tuple[int, datetime]],
) -> list[LiveRelease]:
    """What readers have since lately and the index showed only when others were published already.

    Older releases that are brought in later are no news: the index showed them from the beginning.
    """
    last = published.last
    if last is None or last.published_at is None or published.began is None:
        return []
    if living.name is None or not generation_for(last).is_called(living.name):
        return []
    return [
        LiveRelease(
            release=it.release,
            title=it.title,
            students=students.get(it.release, (0, last.published_at))[0],
            publication=last.number,
            since=last.published_at,
        )
        for it in arrived
        if it.with_readers
        and it.release not in published.releases_before
        and it.first_seen_at > published.began
    ]
