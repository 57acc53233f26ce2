"""Bringing the cache to the newest publication: locking, reading production, building.

The only module of this package that reads the production database.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from redis import Redis

from ouspark_assets.cache.documents import build_documents
from ouspark_assets.cache.generation import (
    BuildResult,
    build_generation,
    current_generation,
    is_current,
    retire_others,
)
from ouspark_assets.cache.keys import Generation
from ouspark_assets.cache.source_tables import SOURCES, PublishedTables
from ouspark_assets.domain.errors import CacheError
from ouspark_assets.settings import CacheSettings
from ouspark_assets.warehouse.core.connection import Connection, fetch_value
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock
from ouspark_assets.warehouse.publication.guards import translate_errors
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    last_publication,
    record_generation,
)

# The database's time as ISO 8601.
_NOW = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


def prewarm_cache(
    connect_production: Callable[[str], AbstractContextManager[Connection]],
    connect_cache: Callable[[], AbstractContextManager[Redis]],
    settings: CacheSettings,
    *,
    wait_seconds: float,
    rebuild: bool = False,
) -> tuple[Publication, BuildResult]:
    """Build the generation of the newest publication, unless it is current and complete.

    With `rebuild`, build it in any case, because someone else may have changed values. Waits up to
    `wait_seconds` for another process that prewarms.
    """
    with (
        # The lock has a connection of its own, because the snapshot of the other one has to be
        # taken after the wait for the lock.
        connect_production("prewarm lock") as lock,
        connect_production("prewarm") as source,
        connect_cache() as client,
        translate_errors("Prewarming the cache", production=source),
        exclusive_lock(lock, Lock.CACHE, wait_seconds, "Prewarming the cache"),
        snapshot(source),
    ):
        publication = newest_publication(source)
        generation = generation_for(publication)
        if not rebuild and is_current(client, generation):
            # A run that was killed after its switch has left the old generation to be retired.
            name = current_generation(client) or ""
            retire_others(client, name, settings.cache_retired_seconds)
            record_generation(lock, publication.number, name)
            return publication, BuildResult(name, 0, 0, written=False)
        meta = {
            "publication": publication.number,
            "built_at": fetch_value(source, _NOW),
            "releases": publication.releases,
        }
        documents = build_documents(read_published(source), settings.cache_top)
        built = build_generation(client, generation, documents, meta, settings)
        # After the switch: a generation that was never shown must not outlast an earlier one. A
        # run that dies in between leaves this to the next one.
        record_generation(lock, publication.number, built.generation)
        return publication, built


@contextmanager
def snapshot(source: Connection) -> Iterator[None]:
    """Read one consistent state of the database in the block, without time limits."""
    with source.transaction():
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        source.execute("SET LOCAL statement_timeout = 0")
        source.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def generation_for(publication: Publication) -> Generation:
    """Return the generation that a publication needs."""
    return Generation(publication.number, publication.checksum)


def newest_publication(source: Connection) -> Publication:
    """Return the newest publication; raise CacheError if there is none."""
    publication = last_publication(source)
    if publication is None:
        message = (
            "The cache cannot be built: nothing has been published yet. Run `ouspark run` first."
        )
        raise CacheError(message)
    return publication


def read_published(source: Connection) -> PublishedTables:
    """Return every table that documents are built from."""
    return PublishedTables.from_frames({table: read_table(source, table) for table in SOURCES})
