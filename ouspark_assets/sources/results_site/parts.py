"""One part of the lake: its columns, an answer as a row of it, small parts on their way into one.

Where parts lie, and which of several answers counts, is `archive.py`.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ouspark_assets.sources.results_site.outcomes import Outcome, has_nothing_open

MOST_ROWS_OF_A_PART = 8192
MOST_BYTES_OF_A_PART = 64 * 1024 * 1024
SMALL_PART_ROWS = MOST_ROWS_OF_A_PART // 2
# Pages of one part resemble each other: level 1 already makes them some 20 times smaller.
ZSTD_LEVEL = 1

SCHEMA: dict[str, pl.DataType] = {
    "release": pl.String(),
    "hall_ticket": pl.String(),
    "outcome": pl.String(),
    "http_status": pl.Int16(),
    "fetched_at": pl.Datetime("us", "UTC"),
    "attempts": pl.Int16(),
    "elapsed_ms": pl.Int32(),
    "sha256": pl.String(),
    "body": pl.Binary(),
    "cause": pl.String(),
    "settled": pl.Boolean(),
}
WITHOUT_BODY = {name: kind for name, kind in SCHEMA.items() if name != "body"}
OUTCOMES = [outcome.value for outcome in Outcome]


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """One answer of the site to one hall ticket; a failed one has a cause instead of a body."""

    hall_ticket: str
    outcome: Outcome
    http_status: int | None
    fetched_at: datetime
    attempts: int
    elapsed_ms: int
    body: bytes | None
    cause: str | None = None


def frame_of(release: str, answers: Sequence[ArchivedAnswer]) -> pl.DataFrame:
    """Answers as the rows of a part."""
    return pl.DataFrame([_row(release, answer) for answer in answers], schema=SCHEMA, orient="row")


def encoded(frame: pl.DataFrame) -> bytes:
    """The content of a part."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=ZSTD_LEVEL)
    return buffer.getvalue()


class Merging:
    """Small parts on their way into one large part."""

    def __init__(self) -> None:
        """None yet."""
        self.parts: list[str] = []
        self._frames: list[pl.DataFrame] = []
        self._rows = 0
        self._bytes = 0

    def would_overflow(self, frame: pl.DataFrame) -> bool:
        """Whether the part would become too large with these rows."""
        rows, size = self._rows + frame.height, self._bytes + frame.estimated_size()
        return rows > MOST_ROWS_OF_A_PART or size > MOST_BYTES_OF_A_PART

    def add(self, part: str, frame: pl.DataFrame) -> None:
        """One more small part, with its rows."""
        self.parts.append(part)
        self._frames.append(frame)
        self._rows += frame.height
        self._bytes += int(frame.estimated_size())

    def frame(self) -> pl.DataFrame:
        """All rows once: a compaction that died may have left some twice."""
        same = ["hall_ticket", "outcome", "fetched_at", "sha256"]
        return pl.concat(self._frames).unique(same, keep="first", maintain_order=True)


def _row(release: str, answer: ArchivedAnswer) -> tuple[object, ...]:
    found = answer.outcome is Outcome.FOUND
    digest = None if answer.body is None else hashlib.sha256(answer.body).hexdigest()
    return (
        release,
        answer.hall_ticket,
        answer.outcome.value,
        answer.http_status,
        answer.fetched_at,
        answer.attempts,
        answer.elapsed_ms,
        digest,
        answer.body,
        answer.cause,
        has_nothing_open(answer.body) if found and answer.body is not None else None,
    )


def columns_named(*names: str) -> dict[str, pl.DataType]:
    """Some columns of a part."""
    return {name: SCHEMA[name] for name in names}


def is_intact(digest: str | None, body: bytes | None) -> bool:
    """Whether a page is the one that was archived: damage may leave a part readable."""
    return body is not None and hashlib.sha256(body).hexdigest() == digest


def placed(frame: pl.DataFrame, part: str) -> pl.DataFrame:
    """The rows with where they lie, without bodies."""
    return frame.with_row_index("row").select(
        *WITHOUT_BODY, pl.col("row").cast(pl.UInt32), pl.lit(part).alias("part")
    )
