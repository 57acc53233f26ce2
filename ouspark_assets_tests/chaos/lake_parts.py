"""The part files of the lake: reading and damaging them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

ANSWER = ["release", "hall_ticket", "outcome", "fetched_at", "sha256"]
FOUND = pl.col("outcome") == "found"
OVERWRITTEN_BYTES = 64


@dataclass(frozen=True)
class Part:
    """A part file."""

    path: Path

    def read_answers(self) -> pl.DataFrame:
        """Return its answers without bodies."""
        return pl.read_parquet(self.path, columns=ANSWER)

    def read_pages(self) -> pl.DataFrame:
        """Return its found pages with bodies."""
        return pl.read_parquet(self.path, columns=[*ANSWER, "body"]).filter(FOUND)


def list_parts(lake: Path) -> list[Part]:
    """Return all parts by release and time."""
    return [Part(path) for path in sorted(lake.glob("raw/result_pages/release=*/part-*.parquet"))]


def read_all_answers(lake: Path) -> pl.DataFrame:
    """Return the answers of all parts; an interrupted compaction may have left some twice."""
    empty = pl.DataFrame(
        schema={
            "release": pl.String,
            "hall_ticket": pl.String,
            "outcome": pl.String,
            "fetched_at": pl.Datetime("us", "UTC"),
            "sha256": pl.String,
        }
    )
    return pl.concat([empty, *(part.read_answers() for part in list_parts(lake))]).unique()


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _empty(_: bytes, __: random.Random) -> bytes:
    return b""


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(max(1, len(data) - OVERWRITTEN_BYTES))
    return data[:at] + chance.randbytes(OVERWRITTEN_BYTES) + data[at + OVERWRITTEN_BYTES :]


def _flip_bit(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _truncate,
    _empty,
    _overwrite,
    _flip_bit,
)


def damage_part(part: Part, chance: random.Random) -> bytes:
    """Damage a part in a random way; return its original content."""
    original = part.path.read_bytes()
    part.path.write_bytes(chance.choice(DAMAGES)(original, chance))
    return original
