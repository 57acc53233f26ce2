"""A generation: built beside the living one, checked, made persistent, switched to by one command.

While it is being built its keys have a time to live, so that a build that dies leaves nothing;
the generation it replaces gets a short one, so that no reader meets a missing key. One build at a
time: whoever calls sees to that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson
import polars as pl
from redis import Redis

from ouspark_assets.cache import wire
from ouspark_assets.cache.documents import Documents
from ouspark_assets.cache.layout import (
    CURRENT_KEY,
    GENERATIONS_KEY,
    META,
    PREFIX,
    Generation,
    generation_of,
)
from ouspark_assets.cache.memory import BYTES_PER_KEY, memory_of, refuse_eviction
from ouspark_assets.domain.errors import CacheError

SAMPLES_PER_BATCH = 5
SCANNED_AT_ONCE = 2_000
NOTHING = pl.DataFrame(schema={"name": pl.String, "document": pl.String})


@dataclass(frozen=True)
class Lifetimes:
    """How long keys live that are not the living generation's."""

    building: int = 3600
    retired: int = 60


USUAL_LIFETIMES = Lifetimes()


@dataclass(frozen=True)
class Built:
    """What a build did; the memory is what the server used more afterwards, if it tells."""

    generation: str
    keys: int
    bytes: int
    written: bool
    memory: int | None = None


def living_generation(client: Redis) -> str | None:
    """The name of the generation that readers use, provided its meta key is there too."""
    name = client.get(CURRENT_KEY)
    if not isinstance(name, bytes) or meta_of(client, name.decode()) is None:
        return None
    return name.decode()


def meta_of(client: Redis, name: str) -> dict[str, Any] | None:
    """What a generation says of itself."""
    meta = client.get(f"{PREFIX}:{name}:{META}")
    return orjson.loads(meta) if isinstance(meta, bytes) else None


def is_alive(client: Redis, generation: Generation) -> bool:
    """Whether readers use this very generation and all its keys are there."""
    name = living_generation(client)
    if name is None or not generation.is_called(name):
        return False
    meta = meta_of(client, name)
    return meta is not None and count_keys(client, name) == meta["keys"] + 1


def count_keys(client: Redis, name: str) -> int:
    """The keys of a generation, its meta key included."""
    return len(set(_scanned(client, f"{PREFIX}:{name}:*")))


def build(
    client: Redis,
    generation: Generation,
    documents: Sequence[Documents],
    meta: Mapping[str, Any],
    lifetimes: Lifetimes = USUAL_LIFETIMES,
) -> Built:
    """Write every document beside the living generation, check, switch, retire the old one."""
    old = client.get(CURRENT_KEY)
    living = old.decode() if isinstance(old, bytes) else None
    generation = generation.besides(living)
    begun = [_begun(it) for it in documents]
    before = memory_of(client)
    refuse_eviction(before, sum(_estimate(it, generation) for it in begun))
    written = _Written(client, generation, lifetimes.building, wire.knows_msetex(client))
    counts = {it.kind: written.add(it) for it in begun}
    keys = sum(counts.values())
    described = {**meta, "generation": generation.name, "counts": counts, "keys": keys}
    written.add_meta(orjson.dumps(described).decode())
    _refuse_altered(client, generation, written)
    client.sadd(GENERATIONS_KEY, generation.name)
    _persist(client, generation, written.all_keys(), lifetimes.retired)
    client.set(CURRENT_KEY, generation.name)
    retire_others(client, generation.name, lifetimes.retired, also=living)
    after = memory_of(client)
    memory = after.used - before.used if after and before else None
    return Built(generation.name, keys, written.bytes, written=True, memory=memory)


def retire_others(client: Redis, name: str, seconds: int, also: str | None = None) -> None:
    """Give the keys of every other generation a short time to live."""
    members: Any = client.smembers(GENERATIONS_KEY)
    others = {it.decode() for it in members} | ({also} if also else set())
    others.discard(name)
    if not others:
        return
    keys = [key.decode() for key in _scanned(client, f"{PREFIX}:*") if generation_of(key) in others]
    wire.expire(client, pl.Series("key", keys, dtype=pl.String), seconds)
    client.srem(GENERATIONS_KEY, *others)


@dataclass(frozen=True)
class _Begun:
    """The documents of a kind, of which the first batch has been made already."""

    kind: str
    n: int
    first: pl.DataFrame
    rest: Iterator[pl.DataFrame]


@dataclass
class _Written:
    """What a build has written: its keys, and some values to look at again."""

    client: Redis
    generation: Generation
    seconds: int
    msetex: bool
    keys: list[pl.Series] = field(default_factory=list)
    sample: list[pl.DataFrame] = field(default_factory=list)
    bytes: int = 0

    def add(self, begun: _Begun) -> int:
        """Write the documents of a kind; says how many there were."""
        prefix, parts = self.generation.key(begun.kind, ""), len(self.keys)
        frames = (self._noted(prefix, it) for it in chain([begun.first], begun.rest))
        self.bytes += wire.set_with_ttl(
            self.client, prefix, frames, self.seconds, msetex=self.msetex
        )
        return sum(keys.len() for keys in self.keys[parts:])

    def add_meta(self, document: str) -> None:
        """Write what the generation says of itself: the last of its keys."""
        meta = pl.DataFrame({"name": [META], "document": [document]})
        frames = [self._noted(self.generation.prefix, meta)]
        wire.set_with_ttl(
            self.client, self.generation.prefix, frames, self.seconds, msetex=self.msetex
        )

    def all_keys(self) -> pl.Series:
        """Every key written so far."""
        return pl.concat(self.keys)

    def _noted(self, prefix: str, frame: pl.DataFrame) -> pl.DataFrame:
        keyed = frame.select((pl.lit(prefix) + pl.col("name")).alias("key"), "document")
        self.keys.append(keyed["key"])
        self.sample.append(keyed.gather_every(max(1, keyed.height // SAMPLES_PER_BATCH)))
        return frame


def _begun(documents: Documents) -> _Begun:
    batches = documents.batches()
    return _Begun(documents.kind, documents.n, next(batches, NOTHING), batches)


def _estimate(begun: _Begun, generation: Generation) -> int:
    """The memory that the documents of a kind will take, by the first batch of them."""
    if begun.first.is_empty():
        return 0
    lengths = begun.first.select(pl.col("name", "document").str.len_bytes())
    mean = sum(lengths.mean().row(0)) + len(generation.key(begun.kind, "")) + BYTES_PER_KEY
    return int(mean * begun.n)


def _refuse_altered(client: Redis, generation: Generation, written: _Written) -> None:
    """A sample of the values must be what was written, which is what production says."""
    sample = pl.concat(written.sample)
    values = wire.values_of(client, sample["key"])
    wrong = sum(
        value != document.encode()
        for value, document in zip(values, sample["document"], strict=True)
    )
    if wrong:
        message = (
            f"Of cache generation {generation.name} {wrong} of {sample.height} values looked at "
            "again are not what was written: it was not switched to. Is something else writing "
            "there, or is maxmemory too small? Run again."
        )
        raise CacheError(message)


def _persist(client: Redis, generation: Generation, keys: pl.Series, seconds: int) -> None:
    """Take the time to live from every key, which counts them; one that is gone is refused."""
    kept = wire.persist(client, keys)
    if kept != keys.len():
        wire.expire(client, keys, seconds)
        message = (
            f"Cache generation {generation.name} has {kept} keys instead of {keys.len()}: it was "
            "not switched to. Is something else writing there, or is maxmemory too small? Run "
            "again."
        )
        raise CacheError(message)


def _scanned(client: Redis, pattern: str) -> Iterator[bytes]:
    """SCAN, not KEYS: other tenants go on being served meanwhile. SCAN may repeat itself."""
    yield from client.scan_iter(match=pattern, count=SCANNED_AT_ONCE)
