"""The cache brought to the newest publication: what is read, in which snapshot, one at a time.

The one module here that knows where published frames come from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis

from ouspark_assets.cache.documents import documents
from ouspark_assets.cache.generation import (
    USUAL_LIFETIMES,
    Built,
    Lifetimes,
    build,
    is_alive,
    living_generation,
    retire_others,
)
from ouspark_assets.cache.layout import Generation
from ouspark_assets.cache.published import SOURCES, Published
from ouspark_assets.domain.errors import CacheError
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.locks import Lock, hold_within
from ouspark_assets.warehouse.publication.guards import clear_errors
from ouspark_assets.warehouse.publication.publications import Publication, last_publication


@dataclass(frozen=True)
class Prewarming:
    """On what terms the cache is built."""

    top: int = 100
    lifetimes: Lifetimes = USUAL_LIFETIMES
    wait_seconds: float = 60
    # Build even though nothing is missing: values were changed by someone else.
    rebuild: bool = False


USUAL = Prewarming()


def prewarm(
    lock: Connection, source: Connection, client: Redis, how: Prewarming = USUAL
) -> tuple[Publication, Built]:
    """Bring the cache to the newest publication, unless it is there already.

    The lock is held on a connection of its own, so that the snapshot is taken after the wait.
    """
    with (
        clear_errors("Prewarming the cache", production=source),
        _alone(lock, how.wait_seconds),
        snapshot(source),
    ):
        publication = newest_publication(source)
        wanted = generation_for(publication)
        if not how.rebuild and is_alive(client, wanted):
            return publication, _kept(client, how.lifetimes)
        meta = {
            "publication": publication.number,
            "built_at": _now(source),
            "releases": publication.releases,
        }
        made = documents(read_published(source), how.top)
        return publication, build(client, wanted, made, meta, how.lifetimes)


@contextmanager
def snapshot(source: Connection) -> Iterator[None]:
    """One state of the database for as long as it is read."""
    with source.transaction():
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        source.execute("SET LOCAL statement_timeout = 0")
        source.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def generation_for(publication: Publication) -> Generation:
    """The generation that a publication asks for."""
    return Generation(publication.number, publication.checksum)


def newest_publication(source: Connection) -> Publication:
    """The newest publication, of which there must be one."""
    publication = last_publication(source)
    if publication is None:
        message = "There is no publication to prewarm the cache with; run `ouspark run` first."
        raise CacheError(message)
    return publication


def read_published(source: Connection) -> Published:
    """Every table that documents are made of."""
    return Published.of({table: read_table(source, table) for table in SOURCES})


@contextmanager
def _alone(lock: Connection, seconds: float) -> Iterator[None]:
    with lock.transaction():
        lock.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        hold_within(lock, Lock.CACHE, seconds, "Prewarming the cache")
        yield


def _kept(client: Redis, lifetimes: Lifetimes) -> Built:
    """Nothing to build; what a killed run left to be retired is retired."""
    name = living_generation(client) or ""
    retire_others(client, name, lifetimes.retired)
    return Built(name, 0, 0, written=False)


def _now(source: Connection) -> str:
    row = source.execute(
        "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    )
    found = row.fetchone()
    return str(found[0]) if found else ""
