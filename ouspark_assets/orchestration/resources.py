"""The Dagster resources: the two databases, the cache, the site, the lake, settings, shared frames.

A resource reads the environment when it is used, and starts an embedded server if no address is
configured. Nothing is contacted at import, and no secret is a config field of a resource.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, ClassVar

import dagster as dg
import polars as pl
from pydantic import PrivateAttr
from redis import Redis

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.schemas.table import Table
from ouspark_assets.services import Endpoints, ServerName, resolve_endpoints
from ouspark_assets.settings import (
    CacheSettings,
    PublicationSettings,
    ServerSettings,
    Settings,
    SiteSettings,
    load_settings,
)
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.forgotten_tickets import ListKey
from ouspark_assets.sources.results_site.scrape_report import ShowProgress
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.migrate import migrate
from ouspark_assets.warehouse.records.computed_from import current_version

# Seconds that addresses are cached. An embedded server that ended is restarted by the first use
# after that.
ENDPOINTS_TTL = 2
# The generated key of the list of forgotten tickets, in the home: outside the lake.
KEY_FILE = "forgotten.key"


class Database(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One of the two databases."""

    side: ClassVar[Side]

    @contextmanager
    def connected(self, purpose: str, *, wait: bool = True) -> Iterator[Connection]:
        """Yield a connection to the migrated database, named after its purpose.

        With `wait`, keep trying for OUSPARK_DATABASE_WAIT while the server accepts no connections.
        """
        addresses = _endpoints("postgres")
        dsn = addresses.dev_dsn if self.side is Side.DEVELOPMENT else addresses.prod_dsn
        seconds = load_settings().runs.database_wait if wait else 0
        _migrate_once(dsn, self.side, seconds)
        with connected(dsn, self.side, f"ouspark {purpose}", wait=seconds) as connection:
            yield connection


class Development(Database):
    """The development database."""

    side: ClassVar[Side] = Side.DEVELOPMENT


class Production(Database):
    """The production database."""

    side: ClassVar[Side] = Side.PRODUCTION

    @property
    def settings(self) -> PublicationSettings:
        """What is published, and how much a publication may change."""
        return load_settings().publication

    @property
    def is_configured(self) -> bool:
        """Whether the operator named the database, so that it is not the embedded one."""
        return load_settings().servers.prod_dsn is not None


class CacheServer(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Redis or Valkey server of the readers' cache."""

    @property
    def settings(self) -> CacheSettings:
        """What a generation contains, and how long it lives."""
        return load_settings().cache

    @contextmanager
    def client(self) -> Iterator[Redis]:
        """Yield a client and close it afterwards."""
        with connect_cache(_endpoints("redis").redis_url) as client:
            yield client


class ResultsSite(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The results site of the university, or the stand-in."""

    @property
    def url(self) -> str:
        """The root URL."""
        return _endpoints("site").site_url

    @property
    def settings(self) -> SiteSettings:
        """The limits on requests to the site."""
        return load_settings().site


class Lake(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The archive of raw pages."""

    @property
    def location(self) -> str:
        """The folder or URL of the lake."""
        return load_settings().servers.lake_location

    def archive(self) -> PageArchive:
        """Return the archive at the configured location, with the key of forgotten tickets."""
        servers = load_settings().servers
        configured = servers.secret_key.get_secret_value() if servers.secret_key else None
        return PageArchive(self.location, ListKey(servers.home / KEY_FILE, configured))


class Environment(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The environment variables, for settings that belong to no other resource."""

    @property
    def settings(self) -> Settings:
        """The settings of the environment as it is now."""
        return load_settings()


class SharedFrames(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The tables that were read or written in this run, for the assets that follow.

    With the in-process executor, a run has one instance. With any other executor, every step has
    its own instance and reads the tables again.
    """

    _frames: dict[str, pl.DataFrame] = PrivateAttr(default_factory=dict)
    _versions: dict[str, int] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Forget the frames of an earlier run."""
        del context
        self._frames.clear()
        self._versions.clear()

    def read(self, connection: Connection, table: Table) -> pl.DataFrame:
        """Return the table, reading it only once."""
        name = table.qualified_name
        if name not in self._frames:
            # Before the read, so that a commit in between counts as newer than the frame.
            self._versions[name] = current_version(connection)
            self._frames[name] = read_table(connection, table)
        return self._frames[name]

    def keep(self, table: Table, frame: pl.DataFrame, version: int) -> None:
        """Store a frame that was just written, with the version of the database after that."""
        self._frames[table.qualified_name] = frame
        self._versions[table.qualified_name] = version

    def versions(self, tables: Iterable[Table]) -> dict[str, int]:
        """Return the version of the database that each table was read or written at."""
        return {table.qualified_name: self._versions[table.qualified_name] for table in tables}

    def drop(self, table: Table) -> None:
        """Forget the frame of a table that has changed."""
        self._frames.pop(table.qualified_name, None)


class Progress(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The function that shows the progress of a scrape, e.g. in a progress bar of a command."""

    _shown: ShowProgress | None = PrivateAttr(default=None)

    @classmethod
    def shown_by(cls, show: ShowProgress) -> "Progress":
        """Return a resource with this function."""
        progress = cls()
        progress._shown = show
        return progress

    @property
    def shown(self) -> ShowProgress | None:
        """The function; None if progress is only logged."""
        return self._shown


def default_resources() -> dict[str, Any]:
    """Return the resources by the names of the assets' parameters."""
    return {
        "development": Development(),
        "production": Production(),
        "cache_server": CacheServer(),
        "site": ResultsSite(),
        "lake": Lake(),
        "environment": Environment(),
        "frames": SharedFrames(),
        "progress": Progress(),
    }


def _endpoints(*needed: ServerName) -> Endpoints:
    """Return the addresses of the servers.

    Cached, because resolving them takes 8 ms and a run does it 100 times.
    """
    period = int(time.monotonic() / ENDPOINTS_TTL)
    return _endpoints_in_period(load_settings().servers, needed, period)


@lru_cache(maxsize=8)
def _endpoints_in_period(
    settings: ServerSettings, needed: tuple[ServerName, ...], _period: int
) -> Endpoints:
    return resolve_endpoints(settings, need=needed)


_migrate_once = cache(migrate)
