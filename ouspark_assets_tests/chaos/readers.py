"""Readers of production and the cache during a trial, in a process of their own.

They check what readers are promised: complete publications that never go back, and a cache that is
never cold once it was warm. A server that is down breaks no promise. `run_readers` starts the
process; `python -m` runs it.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
import psycopg
import redis
from psycopg.rows import scalar_row

from ouspark_assets.cache.keys import CURRENT_KEY, META, PREFIX
from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.services import Endpoints
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.publication.changes import count_and_checksum
from ouspark_assets.warehouse.publication.publications import last_publication
from ouspark_assets_tests.support.pipeline import ROOT

# After a reading the reader sleeps four times as long as it took: the pipeline needs the CPU.
PAUSE_RATIO, MIN_PAUSE = 4.0, 0.02
SAMPLED_TABLES, SAMPLED_KEYS = 3, 6
# Retired generations live for a minute. A reader that took longer than this was frozen meanwhile,
# so that what it misses may have expired.
MAX_READING_SECONDS = 20.0
NOTE_INTERVAL = 0.5


@dataclass
class Readings:
    """How much was read, and the problems seen."""

    production: int = 0
    cache: int = 0
    down: int = 0
    publications: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Readers:
    """The process of the readers and its notes."""

    notes: Path
    process: subprocess.Popen[str]

    def read_notes(self) -> Readings:
        """Return the readings so far; raise RuntimeError if the process has ended."""
        if self.process.poll() is not None:
            message = f"The readers ended with exit status {self.process.returncode}"
            raise RuntimeError(message)
        if not self.notes.exists():
            return Readings()
        return Readings(**json.loads(self.notes.read_text("utf-8")))

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def run_readers(notes: Path, servers: Endpoints) -> Iterator[Readers]:
    """Run readers for the duration of the block.

    They get the addresses on standard input: passwords must not be on a command line.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "ouspark_assets_tests.chaos.readers"],
        stdin=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # Ctrl-C must only reach the process that started them.
        start_new_session=True,
    )
    readers = Readers(notes, process)
    try:
        assert process.stdin is not None
        addresses = {"prod_dsn": servers.prod_dsn, "redis_url": servers.redis_url}
        process.stdin.write(json.dumps({"notes": str(notes), **addresses}) + "\n")
        process.stdin.flush()
        yield readers
    finally:
        readers.stop()


@dataclass
class ProductionReader:
    """Reads the latest publication in one snapshot, and checks some of its tables."""

    dsn: str
    readings: Readings
    number: int = 0

    def read(self) -> None:
        """Compare some tables with what the latest publication recorded."""
        with connected(self.dsn, Side.PRODUCTION, "reader") as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor = connection.cursor(row_factory=scalar_row)
            exists = cursor.execute("SELECT to_regclass('ops.publications')").fetchone()
            latest = last_publication(connection) if exists else None
            number = latest.number if latest else 0
            problems = self.readings.problems
            if number < self.number:
                problems.append(f"production went from publication {self.number} to {number}")
            self.readings.publications += number != self.number
            self.number = number
            if latest is None:
                return
            for table in random.sample(PUBLISHED_TABLES, SAMPLED_TABLES):
                state = latest.states[table.qualified_name]
                if count_and_checksum(connection, table) != (state.rows, state.checksum):
                    problems.append(f"publication {number}: {table.name} is from another one")
            self.readings.production += 1


@dataclass
class CacheReader:
    """Reads documents of the generation that `ouspark:current` names."""

    client: redis.Redis
    readings: Readings
    server: str = ""
    generation: str = ""
    number: int = 0
    keys: list[bytes] = field(default_factory=list)

    def read(self) -> None:
        """Check that the current generation is complete; it must exist until another is."""
        self._has_new_server()
        started = time.monotonic()
        problem = self._find_problem()
        is_late = time.monotonic() - started > MAX_READING_SECONDS
        # A server that restarted meanwhile need not have what the previous one held.
        if problem and not is_late and not self._has_new_server():
            self.readings.problems.append(problem)
        self.readings.cache += problem is None and bool(self.generation)

    def _has_new_server(self) -> bool:
        """Return whether the server process has changed; if so, forget the generation."""
        server = str(self.client.info("server")["run_id"])
        if server == self.server:
            return False
        self.server, self.generation, self.number, self.keys = server, "", 0, []
        return True

    def _find_problem(self) -> str | None:
        current = self.client.get(CURRENT_KEY)
        if not isinstance(current, bytes):
            return f"the cache is cold, {self.generation} is gone" if self.generation else None
        name = current.decode()
        if name != self.generation:
            return self._learn_generation(name)
        sample = random.sample(self.keys, min(SAMPLED_KEYS, len(self.keys)))
        missing = sum(value is None for value in self.client.mget(sample))
        return f"{missing} of {len(sample)} keys of {name} are gone" if missing else None

    def _learn_generation(self, name: str) -> str | None:
        """Remember the keys of a new generation; return a problem if some are missing."""
        content = self.client.get(f"{PREFIX}:{name}:{META}")
        if content is None:
            return f"generation {name} has no meta document"
        meta = orjson.loads(content)
        keys = sorted(set(self.client.scan_iter(match=f"{PREFIX}:{name}:*", count=1000)))
        if len(keys) != meta["keys"] + 1:
            return f"generation {name} has {len(keys)} keys instead of {meta['keys'] + 1}"
        before, self.number = self.number, meta["publication"]
        self.generation, self.keys = name, keys
        went_back = self.number < before
        return f"the cache went from publication {before} to {self.number}" if went_back else None


def main() -> None:
    """Read until killed, or until the parent is gone; write the notes to a file atomically."""
    arguments = json.loads(sys.stdin.readline())
    readings, notes = Readings(), Path(arguments["notes"])
    url = arguments["redis_url"]
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    production, cache = (
        ProductionReader(arguments["prod_dsn"], readings),
        CacheReader(client, readings),
    )
    parent, noted = os.getppid(), 0.0
    while os.getppid() == parent:
        for read in (production.read, cache.read):
            started = time.monotonic()
            try:
                read()
            except (psycopg.Error, redis.RedisError, WarehouseError):
                readings.down += 1
            time.sleep(max(MIN_PAUSE, PAUSE_RATIO * (time.monotonic() - started)))
        if time.monotonic() - noted > NOTE_INTERVAL:
            noted = time.monotonic()
            temporary = notes.with_suffix(".new")
            temporary.write_text(json.dumps(asdict(readings)), "utf-8")
            temporary.replace(notes)


if __name__ == "__main__":
    main()
