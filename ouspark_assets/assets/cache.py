"""The prewarmed cache of the newest publication.

Keys, documents and switching are in `cache/`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import Field
from redis import Redis

from ouspark_assets.assets.production import PUBLICATION
from ouspark_assets.assets.stage import stage
from ouspark_assets.cache.documents import documents
from ouspark_assets.cache.generation import (
    Built,
    Lifetimes,
    build,
    is_alive,
    living_generation,
    retire_others,
)
from ouspark_assets.cache.layout import Generation
from ouspark_assets.cache.published import SOURCES, Published
from ouspark_assets.errors import CacheError
from ouspark_assets.resources import CacheServer, Development, Production
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.connection import Connection
from ouspark_assets.warehouse.guards import clear_errors
from ouspark_assets.warehouse.locks import Lock, hold_within
from ouspark_assets.warehouse.publications import Publication, last_publication
from ouspark_assets.warehouse.reading import read_table

GENERATION = dg.AssetKey(["cache", "generation"])


class GenerationConfig(dg.Config):
    """What one run may ask for."""

    rebuild: bool = Field(default=False, description="Build anew even if nothing is missing")


@dg.asset(
    key=GENERATION,
    deps=[PUBLICATION],
    group_name="cache",
    kinds={"redis"},
    owners=["team:ouspark"],
)
def generation(
    context: dg.AssetExecutionContext,
    config: GenerationConfig,
    development: Development,
    production: Production,
    cache_server: CacheServer,
) -> dg.MaterializeResult[None]:
    """The prewarmed cache of the newest publication.

    Built beside the living generation and switched to by one command, so that a reader never
    meets an empty cache; the same publication again writes nothing.
    """
    with stage(context, development, "cache.generation") as work:
        publication, built = prewarm(production, cache_server, rebuild=config.rebuild)
        work.record.rows_written = work.record.rows_changed = built.keys
    return dg.MaterializeResult(
        metadata={
            "publication": publication.number,
            "generation": built.generation,
            "keys written": built.keys,
            "bytes written": built.bytes,
            "memory": dg.MetadataValue.int(built.memory) if built.memory is not None else "unknown",
        }
    )


def prewarm(
    production: Production, cache_server: CacheServer, *, rebuild: bool = False
) -> tuple[Publication, Built]:
    """Bring the cache to the newest publication, unless it is there already."""
    settings = load_settings()
    lifetimes = Lifetimes(settings.cache_building_seconds, settings.cache_retired_seconds)
    with (
        _alone(production, settings.publish_wait),
        production.connected("prewarm") as source,
        clear_errors("Prewarming the cache", production=source),
        snapshot(source),
        cache_server.client() as client,
    ):
        publication = newest_publication(source)
        wanted = Generation(publication.number, publication.checksum)
        if not rebuild and is_alive(client, wanted):
            return publication, _kept(client, lifetimes)
        meta = {
            "publication": publication.number,
            "built_at": _now(source),
            "releases": publication.releases,
        }
        made = documents(read_published(source), settings.cache_top)
        return publication, build(client, wanted, made, meta, lifetimes)


@contextmanager
def snapshot(source: Connection) -> Iterator[None]:
    """One state of the database for as long as it is read."""
    with source.transaction():
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        source.execute("SET LOCAL statement_timeout = 0")
        source.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


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
def _alone(production: Production, seconds: float) -> Iterator[None]:
    """One build at a time. On a connection of its own, so that what is read is read afterwards."""
    with production.connected("prewarm lock") as connection, connection.transaction():
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        hold_within(connection, Lock.CACHE, seconds, "Prewarming the cache")
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
