"""Readers of production and of the cache, all the while, in a process of their own.

What they hold against what they see is what readers were promised: whole publications that never
go back, and a cache that is never cold once it was warm. A server that is down breaks no promise.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
import psycopg
import redis

from ouspark_assets.cache.keys import CURRENT_KEY, META, PREFIX
from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.publication.changes import count_and_checksum
from ouspark_assets.warehouse.publication.publications import last_publication

# A reading is followed by some times its own length of rest: the pipeline needs the processor.
REST, LEAST_REST = 4.0, 0.02
TABLES_AT_ONCE, KEYS_AT_ONCE = 3, 6
# Retired generations live a minute; whoever took longer than this between two commands was frozen.
MOST_SECONDS_OF_A_READING = 20.0
SECONDS_BETWEEN_NOTES = 0.5


@dataclass
class Readings:
    """What was seen."""

    production: int = 0
    cache: int = 0
    down: int = 0
    publications: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class ProductionReader:
    """Reads the newest publication, in one snapshot, and some of its tables whole."""

    dsn: str
    seen: Readings
    number: int = 0

    def look(self) -> None:
        """One reading; a table of the publication must be as the publication says."""
        with connected(self.dsn, Side.PRODUCTION, "reader") as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        there = connection.execute("SELECT to_regclass('ops.publications')").fetchone()
        last = last_publication(connection) if there and there[0] else None
        number = last.number if last else 0
        if number < self.number:
            self.seen.problems.append(f"production went from publication {self.number} to {number}")
        self.seen.publications += number != self.number
        self.number = number
        if last is None:
            return
        for table in random.sample(PUBLISHED_TABLES, TABLES_AT_ONCE):
            state = last.states[table.qualified_name]
            if count_and_checksum(connection, table) != (state.rows, state.checksum):
                self.seen.problems.append(f"publication {number}: {table.name} is of another one")
        self.seen.production += 1


@dataclass
class CacheReader:
    """Reads documents of the generation that `ouspark:current` names."""

    client: redis.Redis
    seen: Readings
    server: str = ""
    generation: str = ""
    number: int = 0
    keys: list[bytes] = field(default_factory=list)

    def look(self) -> None:
        """One reading; a generation that was once whole must be there until another one is."""
        self._meet_server()
        began = time.monotonic()
        problem = self._problem()
        late = time.monotonic() - began > MOST_SECONDS_OF_A_READING
        # A server that was started again meanwhile owes nothing of what the one before held.
        if problem and not late and not self._meet_server():
            self.seen.problems.append(problem)
        self.seen.cache += problem is None and bool(self.generation)

    def _meet_server(self) -> bool:
        """Whether this is another server process than last time."""
        server = str(self.client.info("server")["run_id"])
        if server == self.server:
            return False
        self.server, self.generation, self.number, self.keys = server, "", 0, []
        return True

    def _problem(self) -> str | None:
        current = self.client.get(CURRENT_KEY)
        if not isinstance(current, bytes):
            return f"the cache is cold, {self.generation} is gone" if self.generation else None
        name = current.decode()
        if name != self.generation:
            return self._switch(name)
        sample = random.sample(self.keys, min(KEYS_AT_ONCE, len(self.keys)))
        missing = sum(value is None for value in self.client.mget(sample))
        return f"{missing} of {len(sample)} keys of {name} are gone" if missing else None

    def _switch(self, name: str) -> str | None:
        """Learn the keys of a new generation, which must all be there by now."""
        meta = self.client.get(f"{PREFIX}:{name}:{META}")
        if meta is None:
            return f"generation {name} says nothing of itself"
        said = orjson.loads(meta)
        keys = sorted(set(self.client.scan_iter(match=f"{PREFIX}:{name}:*", count=1000)))
        if len(keys) != said["keys"] + 1:
            return f"generation {name} has {len(keys)} keys instead of {said['keys'] + 1}"
        before, self.number = self.number, said["publication"]
        self.generation, self.keys = name, keys
        went_back = self.number < before
        return f"the cache went from publication {before} to {self.number}" if went_back else None


def main() -> None:
    """Read until killed, or until the parent is gone; notes are written to a file, whole."""
    asked = json.loads(sys.stdin.readline())
    seen, notes = Readings(), Path(asked["notes"])
    client = redis.Redis.from_url(asked["redis_url"], socket_timeout=5, socket_connect_timeout=5)
    looks = (ProductionReader(asked["prod_dsn"], seen).look, CacheReader(client, seen).look)
    parent, noted = os.getppid(), 0.0
    while os.getppid() == parent:
        for look in looks:
            began = time.monotonic()
            seen.down += not _looked(look)
            time.sleep(max(LEAST_REST, REST * (time.monotonic() - began)))
        if time.monotonic() - noted > SECONDS_BETWEEN_NOTES:
            noted = time.monotonic()
            _note(notes, seen)


def _looked(look: Callable[[], None]) -> bool:
    try:
        look()
    except (psycopg.Error, redis.RedisError, WarehouseError):
        return False
    return True


def _note(notes: Path, seen: Readings) -> None:
    beside = notes.with_suffix(".new")
    beside.write_text(json.dumps(asdict(seen)), "utf-8")
    beside.replace(notes)


if __name__ == "__main__":
    main()
