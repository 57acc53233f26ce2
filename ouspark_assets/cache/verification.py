"""Comparing the current generation with the documents that production's tables yield now."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from redis import Redis

from ouspark_assets.cache import bulk_commands
from ouspark_assets.cache.documents import Documents
from ouspark_assets.cache.generation import count_keys
from ouspark_assets.cache.keys import PREFIX

MAX_NAMED_KEYS = 20


@dataclass(frozen=True)
class KindVerdict:
    """The result of the comparison for one kind of document."""

    kind: str
    documents: int
    compared: int
    missing: int
    differing: int
    # The first keys that are missing or differ, at most MAX_NAMED_KEYS.
    named: tuple[str, ...]


@dataclass(frozen=True)
class CacheVerdict:
    """The result of the comparison for a generation."""

    generation: str
    kinds: tuple[KindVerdict, ...]
    keys: int

    @property
    def superfluous(self) -> int:
        """The number of keys that no document belongs to; the meta key is not one of them."""
        missing = sum(kind.missing for kind in self.kinds)
        return self.keys - 1 - (sum(kind.documents for kind in self.kinds) - missing)

    @property
    def is_clean(self) -> bool:
        """Whether every compared document is there and equal, and no other key exists."""
        wrong = any(kind.missing or kind.differing for kind in self.kinds)
        return not wrong and self.superfluous == 0


def verify_cache(
    client: Redis, generation: str, documents: Sequence[Documents], every: int = 1
) -> CacheVerdict:
    """Compare one document in `every` with the cache, and count all keys."""
    kinds = tuple(_verify_kind(client, generation, kind, every) for kind in documents)
    return CacheVerdict(generation, kinds, count_keys(client, generation))


def _verify_kind(client: Redis, generation: str, documents: Documents, every: int) -> KindVerdict:
    compared, missing, differing, named = 0, 0, 0, list[str]()
    for frame in documents.batches():
        prefix = f"{PREFIX}:{generation}:{documents.kind}:"
        keys = frame.select((pl.lit(prefix) + pl.col("name")).alias("key"))["key"]
        missing += keys.len() - bulk_commands.count_existing(client, keys)
        sample = frame.gather_every(every)
        values = bulk_commands.get_values(client, keys.gather_every(every))
        for name, document, value in zip(*sample.select("name", "document"), values, strict=True):
            if value != document.encode():
                differing += value is not None
                named.append(f"{documents.kind}:{name}")
        compared += sample.height
    return KindVerdict(
        documents.kind, documents.n, compared, missing, differing, tuple(named[:MAX_NAMED_KEYS])
    )
