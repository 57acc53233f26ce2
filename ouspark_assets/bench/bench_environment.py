"""A temporary home with servers of its own, removed at the end even if the benchmark fails.

OuSpark's environment variables are ignored, so that a benchmark never reaches real databases.
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
class BenchEnvironment:
    """A home, and the servers under it, which start on first use."""

    home: Path

    @cached_property
    def settings(self) -> Settings:
        """The default settings with this home, independent of environment variables."""
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
    def variables(self) -> dict[str, str]:
        """The environment variables for the project's commands."""
        return {
            **{name: text for name, text in os.environ.items() if not name.startswith(PREFIXES)},
            "OUSPARK_HOME": str(self.home),
            "DAGSTER_HOME": str(PACKAGE_PARENT),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }

    def create_folder(self, name: str) -> Path:
        """Create an empty folder of this name, replacing an existing one."""
        path = self.home / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def create_database(self, name: str, side: Side | None = None) -> str:
        """Return the address of a new database, replacing an existing one of this name.

        It has the tables of a side, or none.
        """
        database, address = sql.Identifier(name), self.address(name)
        with psycopg.connect(self.servers.dev_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
        if side is not None:
            migrate(address, side)
        return address

    def address(self, name: str) -> str:
        """Return the address of a database on this home's server."""
        return urlunsplit(urlsplit(self.servers.dev_dsn)._replace(path=f"/{name}"))


@contextmanager
def temporary_environment() -> Iterator[BenchEnvironment]:
    """Yield an environment for one benchmark; stop its servers and remove its home afterwards."""
    home = Path(tempfile.mkdtemp(prefix="ouspark-bench-"))
    try:
        yield BenchEnvironment(home)
    finally:
        stop_servers(home)
        shutil.rmtree(home, ignore_errors=True)


def write_checkpoint(dsn: str) -> None:
    """Flush what PostgreSQL has not written yet, so that the next sample does not pay for it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
