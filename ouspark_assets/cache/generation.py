"""Building a generation alongside the current one, checking it, and switching readers to it.

Keys have a time to live while the generation is built, so that a build that dies leaves nothing
behind. The generation that is replaced gets a short one, so that readers in the middle of a
request still find its keys. The caller ensures that there is one build at a time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson
import polars as pl
from redis import Redis

from ouspark_assets.cache import bulk_commands
from ouspark_assets.cache.capacity import BYTES_PER_KEY, read_memory, require_capacity
from ouspark_assets.cache.documents import Documents
from ouspark_assets.cache.keys import (
    CURRENT_KEY,
    GENERATIONS_KEY,
    META,
    PREFIX,
    Generation,
    generation_name,
)
from ouspark_assets.domain.errors import CacheError
from ouspark_assets.settings import CacheSettings

SAMPLES_PER_BATCH = 5
KEYS_PER_SCAN = 2_000
NO_DOCUMENTS = pl.DataFrame(schema={"name": pl.String, "document": pl.String})


@dataclass(frozen=True)
class BuildResult:
    """What a build wrote.

    `memory` is the growth of the server's memory in bytes; None if the server hides it.
    """

    generation: str
    keys: int
    bytes: int
    written: bool
    memory: int | None = None


def current_generation(client: Redis) -> str | None:
    """Return the name of the generation that readers use; None if its meta key is missing."""
    name = client.get(CURRENT_KEY)
    if not isinstance(name, bytes) or read_meta(client, name.decode()) is None:
        return None
    return name.decode()


def read_meta(client: Redis, name: str) -> dict[str, Any] | None:
    """Return a generation's meta document: publication, time of building, and counts."""
    meta = client.get(f"{PREFIX}:{name}:{META}")
    return orjson.loads(meta) if isinstance(meta, bytes) else None


def is_current(client: Redis, generation: Generation) -> bool:
    """Return whether readers use this generation and none of its keys is missing."""
    name = current_generation(client)
    if name is None or not generation.has_name(name):
        return False
    meta = read_meta(client, name)
    return meta is not None and count_keys(client, name) == meta["keys"] + 1


def count_keys(client: Redis, name: str) -> int:
    """Return the number of keys of a generation, including the meta key."""
    return len(set(_scan(client, f"{PREFIX}:{name}:*")))


def build_generation(
    client: Redis,
    generation: Generation,
    documents: Sequence[Documents],
    meta: Mapping[str, Any],
    settings: CacheSettings,
) -> BuildResult:
    """Write every document, check them, switch readers to them, and retire the old generation.

    Raise CacheError, and leave readers the current generation, if the documents do not fit into
    the server's memory, or if keys are missing or altered afterwards.
    """
    pointer = client.get(CURRENT_KEY)
    current = pointer.decode() if isinstance(pointer, bytes) else None
    generation = generation.next_to(current)
    started = [_StartedKind.of(kind) for kind in documents]
    before = read_memory(client)
    require_capacity(before, sum(kind.estimate_bytes(generation) for kind in started))
    has_msetex = bulk_commands.has_msetex(client)
    writer = _Writer(client, settings.cache_building_seconds, has_msetex)
    counts = {
        kind.kind: writer.write(generation.key(kind.kind, ""), chain([kind.first], kind.rest))
        for kind in started
    }
    keys, size = sum(counts.values()), writer.bytes
    described = {**meta, "generation": generation.name, "counts": counts, "keys": keys}
    document = orjson.dumps(described).decode()
    writer.write(generation.prefix, [pl.DataFrame({"name": [META], "document": [document]})])
    _check_sample(client, generation, pl.concat(writer.sample))
    client.sadd(GENERATIONS_KEY, generation.name)
    _persist(client, generation, pl.concat(writer.keys), settings.cache_retired_seconds)
    client.set(CURRENT_KEY, generation.name)
    retire_others(client, generation.name, settings.cache_retired_seconds, also=current)
    after = read_memory(client)
    memory = after.used - before.used if after and before else None
    return BuildResult(generation.name, keys, size, written=True, memory=memory)


def retire_others(client: Redis, name: str, seconds: int, also: str | None = None) -> None:
    """Give the keys of every generation except the named one a short time to live."""
    members: Any = client.smembers(GENERATIONS_KEY)
    others = {member.decode() for member in members} | ({also} if also else set())
    others.discard(name)
    if not others:
        return
    keys = [key.decode() for key in _scan(client, f"{PREFIX}:*") if generation_name(key) in others]
    bulk_commands.expire(client, pl.Series("key", keys, dtype=pl.String), seconds)
    client.srem(GENERATIONS_KEY, *others)


@dataclass(frozen=True)
class _StartedKind:
    """The documents of a kind whose first batch has been built, to estimate their size."""

    kind: str
    n: int
    first: pl.DataFrame
    rest: Iterator[pl.DataFrame]

    @classmethod
    def of(cls, documents: Documents) -> "_StartedKind":
        batches = documents.batches()
        return cls(documents.kind, documents.n, next(batches, NO_DOCUMENTS), batches)

    def estimate_bytes(self, generation: Generation) -> int:
        """Return the memory that all documents will take, judging by the first batch."""
        if self.first.is_empty():
            return 0
        lengths = self.first.select(pl.col("name", "document").str.len_bytes())
        mean = sum(lengths.mean().row(0)) + len(generation.key(self.kind, "")) + BYTES_PER_KEY
        return int(mean * self.n)


@dataclass
class _Writer:
    """Writes documents; remembers all keys, and some values to compare afterwards."""

    client: Redis
    seconds: int
    msetex: bool
    keys: list[pl.Series] = field(default_factory=list)
    sample: list[pl.DataFrame] = field(default_factory=list)
    bytes: int = 0

    def write(self, prefix: str, batches: Iterable[pl.DataFrame]) -> int:
        """Write documents under a prefix and return their number."""
        n = 0

        def remembered() -> Iterator[pl.DataFrame]:
            nonlocal n
            for batch in batches:
                keyed = batch.select((pl.lit(prefix) + pl.col("name")).alias("key"), "document")
                self.keys.append(keyed["key"])
                self.sample.append(keyed.gather_every(max(1, keyed.height // SAMPLES_PER_BATCH)))
                n += batch.height
                yield batch

        self.bytes += bulk_commands.set_with_ttl(
            self.client, prefix, remembered(), self.seconds, msetex=self.msetex
        )
        return n


def _check_sample(client: Redis, generation: Generation, sample: pl.DataFrame) -> None:
    """Raise CacheError if a sample of the values differs from what was written."""
    values = bulk_commands.get_values(client, sample["key"])
    differing = sum(
        value != document.encode()
        for value, document in zip(values, sample["document"], strict=True)
    )
    if differing:
        message = (
            f"{differing} of {sample.height} sampled values of cache generation "
            f"{generation.name} differ from what was written. Readers keep the current "
            "generation. Check whether another program writes to this Redis database and "
            "whether maxmemory is large enough, then run again."
        )
        raise CacheError(message)


def _persist(client: Redis, generation: Generation, keys: pl.Series, seconds: int) -> None:
    """Remove the time to live of every key; raise CacheError if keys have vanished."""
    persisted = bulk_commands.persist(client, keys)
    if persisted != keys.len():
        bulk_commands.expire(client, keys, seconds)
        message = (
            f"Cache generation {generation.name} has {persisted} keys instead of {keys.len()}. "
            "Readers keep the current generation. Check whether another program writes to this "
            "Redis database and whether maxmemory is large enough, then run again."
        )
        raise CacheError(message)


def _scan(client: Redis, pattern: str) -> Iterator[bytes]:
    """Yield the keys that match, some of them repeatedly.

    SCAN instead of KEYS, so that the server can answer other clients in between.
    """
    yield from client.scan_iter(match=pattern, count=KEYS_PER_SCAN)
