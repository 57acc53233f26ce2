"""The part files of the lake: reading and damaging them."""

import random
from dataclasses import dataclass
from pathlib import Path

import polars as pl

ANSWER = {
    "release": pl.String,
    "hall_ticket": pl.String,
    "outcome": pl.String,
    "fetched_at": pl.Datetime("us", "UTC"),
    "sha256": pl.String,
}
FOUND = pl.col("outcome") == "found"
OVERWRITTEN_BYTES = 64


@dataclass(frozen=True)
class Part:
    """A part file."""

    path: Path

    def read_answers(self) -> pl.DataFrame:
        """Return its answers without bodies."""
        return pl.read_parquet(self.path, columns=list(ANSWER))

    def read_pages(self) -> pl.DataFrame:
        """Return its found pages with bodies."""
        return pl.read_parquet(self.path, columns=[*ANSWER, "body"]).filter(FOUND)


def list_parts(lake: Path) -> list[Part]:
    """Return all parts by release and time."""
    return [Part(path) for path in sorted(lake.glob("raw/result_pages/release=*/part-*.parquet"))]


def read_all_answers(lake: Path) -> pl.DataFrame:
    """Return the answers of all parts; an interrupted compaction may have left some twice."""
    empty = pl.DataFrame(schema=ANSWER)
    return pl.concat([empty, *(part.read_answers() for part in list_parts(lake))]).unique()


def damage_part(part: Part, chance: random.Random) -> bytes:
    """Damage a part in a random way; return its original content."""
    original = part.path.read_bytes()
    match chance.choice(("truncate", "empty", "overwrite", "flip a bit")):
        case "truncate":
            damaged = original[: chance.randrange(len(original))]
        case "empty":
            damaged = b""
        case "overwrite":
            at = chance.randrange(max(1, len(original) - OVERWRITTEN_BYTES))
            garbage = chance.randbytes(OVERWRITTEN_BYTES)
            damaged = original[:at] + garbage + original[at + OVERWRITTEN_BYTES :]
        case _:
            at = chance.randrange(len(original))
            flipped = original[at] ^ 1 << chance.randrange(8)
            damaged = original[:at] + bytes([flipped]) + original[at + 1 :]
    part.path.write_bytes(damaged)
    return original
