"""Holding the living generation against the documents that production's tables make now."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from redis import Redis

from ouspark_assets.cache import wire
from ouspark_assets.cache.documents import Documents
from ouspark_assets.cache.generation import count_keys
from ouspark_assets.cache.layout import PREFIX

MOST_NAMED = 20


@dataclass(frozen=True)
class KindVerdict:
    """What the comparison found among the documents of a kind."""

    kind: str
    documents: int
    compared: int
    missing: int
    differing: int
    # Some of the keys that are missing or differ.
    named: tuple[str, ...]


@dataclass(frozen=True)
class CacheVerdict:
    """What the comparison found in a generation."""

    generation: str
    kinds: tuple[KindVerdict, ...]
    keys: int

    @property
    def superfluous(self) -> int:
        """Keys that no document explains."""
        missing = sum(it.missing for it in self.kinds)
        return self.keys - 1 - (sum(it.documents for it in self.kinds) - missing)

    @property
    def is_clean(self) -> bool:
        """Everything compared is there and equal, and nothing else is."""
        wrong = any(it.missing or it.differing for it in self.kinds)
        return not wrong and self.superfluous == 0


def verify_cache(
    client: Redis, generation: str, documents: Sequence[Documents], every: int = 1
) -> CacheVerdict:
    """Compare every document, or one in so many, with what the cache holds; count all keys."""
    kinds = tuple(_verdict(client, generation, it, every) for it in documents)
    return CacheVerdict(generation, kinds, count_keys(client, generation))


def _verdict(client: Redis, generation: str, documents: Documents, every: int) -> KindVerdict:
    compared, missing, differing, named = 0, 0, 0, list[str]()
    for frame in documents.batches():
        prefix = f"{PREFIX}:{generation}:{documents.kind}:"
        keys = frame.select((pl.lit(prefix) + pl.col("name")).alias("key"))["key"]
        missing += keys.len() - wire.count_existing(client, keys)
        looked_at = frame.gather_every(every)
        values = wire.values_of(client, keys.gather_every(every))
        for name, document, value in zip(
            *looked_at.select("name", "document"), values, strict=True
        ):
            if value != document.encode():
                differing += value is not None
                named.append(f"{documents.kind}:{name}")
        compared += looked_at.height
    return KindVerdict(
        documents.kind, documents.n, compared, missing, differing, tuple(named[:MOST_NAMED])
    )
