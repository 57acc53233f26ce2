"""A temporary home with servers of its own, gone at the end whatever happened.

Nothing of the environment is used: a benchmark must never meet somebody's databases.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from ouspark_assets.services import Endpoints, resolve_endpoints
from ouspark_assets.services.client import stop_servers
from ouspark_assets.settings import GROUPS, PACKAGE_PARENT, Settings
from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets.warehouse.core.migrate import migrate

PREFIXES = ("OUSPARK_", "DAGSTER_")


@dataclass(frozen=True)
class Room:
    """A home, and the servers that are started under it when they are first asked for."""

    home: Path

    @cached_property
    def settings(self) -> Settings:
        """The defaults, under this home, whatever the environment says."""
        defaults = {
            name: {field: info.get_default() for field, info in group.model_fields.items()}
            for name, group in GROUPS.items()
        }
        defaults["servers"]["home"] = self.home
        return Settings.model_validate(defaults)

    @cached_property
    def servers(self) -> Endpoints:
        """PostgreSQL and Valkey of this home."""
        return resolve_endpoints(self.settings.servers, need={"postgres", "redis"})

    @property
    def environment(self) -> dict[str, str]:
        """The environment that a command of the project runs in."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)
        }
        return {
            **inherited,
            "OUSPARK_HOME": str(self.home),
            "DAGSTER_HOME": str(PACKAGE_PARENT),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }

    def folder(self, name: str) -> Path:
        """An empty folder of this name."""
        path = self.home / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def database(self, name: str, side: Side) -> str:
        """The address of an empty, migrated database; one of this name is replaced."""
        self._recreate(name)
        address = self.address(name)
        migrate(address, side)
        return address

    def empty_database(self, name: str) -> str:
        """The address of a database without anything; one of this name is replaced."""
        self._recreate(name)
        return self.address(name)

    def address(self, name: str) -> str:
        """The address of a database of this home's server."""
        return urlunsplit(urlsplit(self.servers.dev_dsn)._replace(path=f"/{name}"))

    def _recreate(self, name: str) -> None:
        database = sql.Identifier(name)
        with psycopg.connect(self.servers.dev_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(database))


@contextmanager
def temporary_room() -> Iterator[Room]:
    """A room for one benchmark."""
    home = Path(tempfile.mkdtemp(prefix="ouspark-bench-"))
    try:
        yield Room(home)
    finally:
        stop_servers(home)
        shutil.rmtree(home, ignore_errors=True)
