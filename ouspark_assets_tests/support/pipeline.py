"""An installation for one test: a home with its own servers, and the site it scrapes.

Commands run as operators run them: as processes, configured by the environment.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import redis

from ouspark_assets.schemas.table import Table
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.settings import ServerSettings
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import read_table

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
COMMAND_TIMEOUT = 300


@dataclass(frozen=True)
class Pipeline:
    """An installation under one home, with servers of its own."""

    home: Path
    site_url: str
    # Further settings.
    variables: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OUSPARK_", "DAGSTER_"))
        }
        return {
            **inherited,
            "OUSPARK_HOME": str(self.home),
            "OUSPARK_SITE_URL": self.site_url,
            "DAGSTER_HOME": str(ROOT),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            **self.variables,
        }

    def command(
        self, *arguments: str, without: Sequence[str] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the virtual environment; Dagster's commands run in the repository.

        `ouspark` runs in another folder, so that a developer's `.env` does not redirect it.
        """
        folder = ROOT
        if arguments[0] == "ouspark":
            folder = self.home.parent / f"{self.home.name}-folder"
            folder.mkdir(parents=True, exist_ok=True)
        environment = {**self.environment, **variables}
        return subprocess.run(
            [str(BIN / arguments[0]), *arguments[1:]],
            env={name: value for name, value in environment.items() if name not in without},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )

    def ouspark(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `ouspark` and assert that it succeeds."""
        done = self.command("ouspark", *arguments, **variables)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done

    @contextmanager
    def connected(self, side: Side) -> Iterator[Connection]:
        """Yield a connection to one of its databases."""
        found = resolve_endpoints(ServerSettings(home=self.home), need={"postgres"})
        dsn = found.dev_dsn if side is Side.DEVELOPMENT else found.prod_dsn
        with connected(dsn, side, "test") as connection:
            yield connection

    def table(self, table: Table, side: Side = Side.DEVELOPMENT) -> pl.DataFrame:
        """Return a whole table, sorted by its key."""
        with self.connected(side) as connection:
            return read_table(connection, table).sort(table.key)

    def rows(self, query: str, side: Side = Side.DEVELOPMENT) -> Sequence[tuple[object, ...]]:
        """Return the rows of a query."""
        with self.connected(side) as connection:
            return connection.execute(query.encode()).fetchall()

    @contextmanager
    def cache(self) -> Iterator[redis.Redis]:
        """Yield a client of its cache."""
        found = resolve_endpoints(ServerSettings(home=self.home), need={"redis"})
        with redis.Redis.from_url(found.redis_url) as client:
            yield client
