"""The lake as it lies on the disk: its parts, what they hold, and how one is damaged and mended."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

ANSWER = ["release", "hall_ticket", "outcome", "fetched_at", "sha256"]
FOUND = pl.col("outcome") == "found"
GARBLED_BYTES = 64


@dataclass(frozen=True)
class Part:
    """A part file."""

    path: Path

    def answers(self) -> pl.DataFrame:
        """What it holds, without bodies."""
        return pl.read_parquet(self.path, columns=ANSWER)

    def pages(self) -> pl.DataFrame:
        """The pages of students in it."""
        return pl.read_parquet(self.path, columns=[*ANSWER, "body"]).filter(FOUND)


def parts_of(lake: Path) -> list[Part]:
    """Every part, in order of release and time."""
    return [Part(path) for path in sorted(lake.glob("raw/result_pages/release=*/part-*.parquet"))]


def answers_in(lake: Path) -> pl.DataFrame:
    """Every answer of every part; a compaction that was cut short may have left some twice."""
    empty = pl.DataFrame(
        schema={
            "release": pl.String,
            "hall_ticket": pl.String,
            "outcome": pl.String,
            "fetched_at": pl.Datetime("us", "UTC"),
            "sha256": pl.String,
        }
    )
    return pl.concat([empty, *(part.answers() for part in parts_of(lake))]).unique()


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _emptied(data: bytes, chance: random.Random) -> bytes:
    del data, chance
    return b""


def _garbled(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(max(1, len(data) - GARBLED_BYTES))
    return data[:at] + chance.randbytes(GARBLED_BYTES) + data[at + GARBLED_BYTES :]


def _flipped(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_cut, _emptied, _garbled, _flipped)


def damage(part: Part, chance: random.Random) -> bytes:
    """Damage a part in one way or another; what it held before."""
    whole = part.path.read_bytes()
    part.path.write_bytes(chance.choice(WAYS)(whole, chance))
    return whole
