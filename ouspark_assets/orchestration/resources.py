"""What assets work with: the two databases, the cache, the site, the lake, and shared frames.

Each resource finds its address in the settings when it is first used, starting an embedded
server if none is configured; nothing is contacted at import, and no secret is a resource's field.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import dagster as dg
import polars as pl
from pydantic import PrivateAttr
from redis import Redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.schemas.table import Table
from ouspark_assets.services import Endpoints, ServerName, endpoints
from ouspark_assets.settings import Settings, load_settings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.scraper import ShowProgress
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets.warehouse.core.reading import read_table
from ouspark_assets.warehouse.records.computed_from import version_now

# A server that is gone is brought back at the next question after this.
SECONDS_REMEMBERED = 2


class Development(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The development database."""

    @contextmanager
    def connected(self, purpose: str) -> Iterator[Connection]:
        """A connection to the migrated database."""
        dsn = _endpoints("postgres").dev_dsn
        _migrated(dsn, Side.DEVELOPMENT)
        with connected(dsn, Side.DEVELOPMENT, f"ouspark {purpose}") as connection:
            yield connection


class Production(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The production database."""

    @contextmanager
    def connected(self, purpose: str) -> Iterator[Connection]:
        """A connection to the migrated database."""
        dsn = _endpoints("postgres").prod_dsn
        _migrated(dsn, Side.PRODUCTION)
        with connected(dsn, Side.PRODUCTION, f"ouspark {purpose}") as connection:
            yield connection


class CacheServer(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Redis or Valkey server that readers ask."""

    @contextmanager
    def client(self) -> Iterator[Redis]:
        """A client, closed afterwards."""
        with connect_cache(_endpoints("redis").redis_url) as client:
            yield client


class ResultsSite(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The university's results site."""

    @property
    def url(self) -> str:
        """Its root."""
        return _endpoints("site").site_url

    @property
    def settings(self) -> Settings:
        """The settings that say how politely it is asked."""
        return load_settings()


class Lake(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The archive of every page ever received."""

    def archive(self) -> PageArchive:
        """The archive at the configured place."""
        return PageArchive(load_settings().lake_location)


class SharedFrames(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Tables read or written in this run, kept for the assets after.

    Under the in-process executor a run has one of these; under any other every step has its
    own and simply reads again.
    """

    _frames: dict[str, pl.DataFrame] = PrivateAttr(default_factory=dict)
    _versions: dict[str, int] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """A run begins with nothing."""
        del context
        self._frames.clear()
        self._versions.clear()

    def read(self, connection: Connection, table: Table) -> pl.DataFrame:
        """The table, read once."""
        name = table.qualified_name
        if name not in self._frames:
            # Asked before the read: whatever is committed in between counts as newer.
            self._versions[name] = version_now(connection)
            self._frames[name] = read_table(connection, table)
        return self._frames[name]

    def keep(self, table: Table, frame: pl.DataFrame, version: int) -> None:
        """What was just written, with this version, is what a read would give."""
        self._frames[table.qualified_name] = frame
        self._versions[table.qualified_name] = version

    def versions(self, tables: Iterable[Table]) -> dict[str, int]:
        """Of which version of the database each of these frames is."""
        return {table.qualified_name: self._versions[table.qualified_name] for table in tables}

    def drop(self, table: Table) -> None:
        """What was kept of this table is out of date."""
        self._frames.pop(table.qualified_name, None)


class Progress(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the progress of a scrape is shown; the command line puts a progress bar here."""

    _shown: ShowProgress | None = PrivateAttr(default=None)

    @classmethod
    def shown_by(cls, show: ShowProgress) -> "Progress":
        """Progress as this function shows it."""
        progress = cls()
        progress._shown = show
        return progress

    @property
    def shown(self) -> ShowProgress | None:
        """The function that shows it; None when the log has to do."""
        return self._shown


def default_resources() -> dict[str, Any]:
    """Every resource by the name that assets ask for."""
    return {
        "development": Development(),
        "production": Production(),
        "cache_server": CacheServer(),
        "site": ResultsSite(),
        "lake": Lake(),
        "frames": SharedFrames(),
        "progress": Progress(),
    }


def _endpoints(*needed: ServerName) -> Endpoints:
    """Where the servers are; asking costs 8 ms, and a run asks a hundred times."""
    return _endpoints_lately(load_settings(), needed, int(time.monotonic() / SECONDS_REMEMBERED))


@lru_cache(maxsize=8)
def _endpoints_lately(settings: Settings, needed: tuple[ServerName, ...], _when: int) -> Endpoints:
    return endpoints(settings, need=needed)


@cache
def _migrated(dsn: str, side: Side) -> None:
    """Migrate once per process and database."""
    migrate(dsn, side)
