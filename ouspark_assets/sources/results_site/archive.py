"""The lake: every answer of the site as received, in Parquet parts, in a folder or on S3.

A part is written whole or not at all, and only `compact` and `forget` change it later. This module
decides which of several answers to a ticket counts; `pages/` reads what its page says.
"""

import hashlib
import io
import json
import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from ouspark_assets.domain.errors import LakeError
from ouspark_assets.domain.hall_tickets import mask_ticket
from ouspark_assets.domain.releases import is_release_key, require_release_key
from ouspark_assets.pages.sentences import hide_tickets
from ouspark_assets.sources.results_site.forgotten_tickets import ForgottenTickets, ListKey
from ouspark_assets.sources.results_site.object_store import ObjectStore, Schema
from ouspark_assets.sources.results_site.outcomes import Outcome, has_nothing_open

ROOT = "raw/result_pages"
PARTITION = "release="
MARKER = "_complete.json"
MAX_ROWS_OF_PART = 8192
MAX_BYTES_OF_PART = 64 * 1024 * 1024
# A part with fewer rows is merged by `compact`.
SMALL_PART_ROWS = MAX_ROWS_OF_PART // 2
# Pages of one part resemble each other: level 1 already makes them about 20 times smaller.
ZSTD_LEVEL = 1
# Reading starts again when another process compacts the parts meanwhile, at most this often.
MAX_READ_ATTEMPTS = 3

COLUMNS: dict[str, pl.DataType] = {
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
    "fictitious": pl.Boolean(),
}
# Parts that were written before the column existed do not have it; its values are null there.
ADDED_COLUMNS = frozenset({"fictitious"})
COLUMNS_WITHOUT_BODY = {name: kind for name, kind in COLUMNS.items() if name != "body"}
OUTCOMES = [outcome.value for outcome in Outcome]


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """An answer of the site to a hall ticket; a failed one has a cause instead of a body.

    The cause of one without a result is the sentence that the page shows.
    """

    hall_ticket: str
    outcome: Outcome
    http_status: int | None
    fetched_at: datetime
    attempts: int
    elapsed_ms: int
    body: bytes | None
    cause: str | None = None
    # Whether the stand-in sent it.
    fictitious: bool = False

    def row(self, release: str) -> tuple[object, ...]:
        """Return the answer as a row of a part."""
        is_page = self.outcome is Outcome.FOUND and self.body is not None
        return (
            release,
            self.hall_ticket,
            self.outcome.value,
            self.http_status,
            self.fetched_at,
            self.attempts,
            self.elapsed_ms,
            None if self.body is None else hashlib.sha256(self.body).hexdigest(),
            self.body,
            self.cause,
            has_nothing_open(self.body or b"") if is_page else None,
            self.fictitious,
        )


class PageArchive:
    """All answers ever received, by release."""

    def __init__(self, location: str, key: ListKey | None = None) -> None:
        """Open the lake in a folder or at an s3:// URL, with the key of its forgotten tickets."""
        self._store = ObjectStore(location, ADDED_COLUMNS)
        self.location = location
        # Rows of these tickets are never read, even if one has come back into a part.
        self.forgotten = ForgottenTickets(self._store, key)

    def write(self, release: str, answers: Sequence[ArchivedAnswer]) -> str:
        """Write answers as one new part and return its path."""
        rows = [answer.row(release) for answer in answers]
        return self._write_part(release, pl.DataFrame(rows, schema=COLUMNS, orient="row"))

    def releases(self) -> list[str]:
        """Return the releases that have a folder in the lake, sorted by key."""
        folders = [name for name in self._store.folders(ROOT) if name.startswith(PARTITION)]
        keys = [name.removeprefix(PARTITION) for name in folders]
        return [key for key in keys if is_release_key(key)]

    def parts(self, release: str) -> list[str]:
        """Return the paths of a release's parts, oldest first."""
        named = [(path, path.rsplit("/", 1)[-1]) for path in self._store.paths(_folder(release))]
        return [
            path for path, name in named if name.startswith("part-") and name.endswith(".parquet")
        ]

    def answers(self, release: str) -> pl.DataFrame:
        """Return the answer that counts for every ticket requested, without bodies, by ticket."""
        return self._read_counting_answers(release).drop("part", "row").sort("hall_ticket")

    def fingerprint(self, release: str) -> str:
        """Return a hash over what is loaded of a release.

        That is the students found with the hashes of their pages, and the hall tickets without a
        result with their sentences.
        """
        answers = self.answers(release)
        found = answers.filter(pl.col("outcome") == Outcome.FOUND.value)
        without = answers.filter(pl.col("outcome") == Outcome.NO_RESULT.value)
        content = found.select("hall_ticket", "sha256").write_csv()
        if without.height:
            # Only then, so that the releases loaded by earlier versions count as loaded.
            content += without.select("hall_ticket", "cause").write_csv()
        return hashlib.sha256(content.encode()).hexdigest()

    def is_fictitious(self, release: str) -> bool:
        """Return whether any answer that counts came from the stand-in."""
        return bool(self.answers(release)["fictitious"].any())

    def pages(
        self, release: str, batch_rows: int = 1024, tickets: Collection[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yield the students' pages that count (hall_ticket, sha256, body) in batches."""
        wanted = None if tickets is None else pl.Series(list(tickets), dtype=pl.String)
        seen: list[pl.Series] = []
        for _ in range(MAX_READ_ATTEMPTS):
            found = self._read_counting_answers(release).filter(
                pl.col("outcome") == Outcome.FOUND.value
            )
            if wanted is not None:
                found = found.filter(pl.col("hall_ticket").is_in(wanted.implode()))
            if seen:
                found = found.filter(~pl.col("hall_ticket").is_in(pl.concat(seen).implode()))
            for (part,), rows in found.sort("part", "row").group_by("part", maintain_order=True):
                frame = self._store.read_columns(
                    str(part), _columns("hall_ticket", "sha256", "body")
                )
                if frame is None:
                    # The part was compacted meanwhile: its rows are in a newer part.
                    break
                chosen = frame[rows["row"]]
                # A damaged part may still be readable, so every page is compared with its digest.
                if any(
                    body is None or hashlib.sha256(body).hexdigest() != digest
                    for digest, body in zip(chosen["sha256"], chosen["body"], strict=True)
                ):
                    raise self._store.damaged(str(part), "the digest of a page is wrong")
                seen.append(chosen["hall_ticket"])
                yield from chosen.iter_slices(batch_rows)
            else:
                return
        raise self._parts_keep_changing(release)

    def known_tickets(self, in_order: Sequence[str] = ()) -> pl.DataFrame:
        """Return every ticket ever found: hall_ticket, releases, latest (when fetched), settled.

        `settled` says whether the student's page in the last release, in the order given, left
        nothing open.
        """
        columns = _columns("release", "hall_ticket", "outcome", "fetched_at", "settled")
        places = {release: place for place, release in enumerate(in_order)}
        frames = [
            frame.filter(pl.col("outcome") == Outcome.FOUND.value)
            .drop("outcome", "row", "part")
            .with_columns(_place=pl.lit(places.get(release, -1), dtype=pl.Int32))
            for release in self.releases()
            for frame in self._read_parts(release, columns)
        ]
        schema = {name: kind for name, kind in columns.items() if name != "outcome"}
        found = pl.concat([pl.DataFrame(schema={**schema, "_place": pl.Int32()}), *frames])
        return (
            found.sort("_place", "fetched_at")
            .group_by("hall_ticket")
            .agg(
                releases=pl.col("release").unique().sort(),
                latest=pl.col("fetched_at").max(),
                settled=pl.col("settled").last().fill_null(value=False),
            )
            .sort("hall_ticket")
        )

    def forget(self, ticket: str) -> int:
        """Remove every answer to a ticket from every part and return how many there were.

        The ticket is added to the forgotten ones first, so that nothing brings it back meanwhile.
        """
        self.forgotten.add(ticket)
        removed = 0
        for release in self.releases():
            for part in self.parts(release):
                tickets = self._store.read_columns(part, _columns("hall_ticket"))
                if tickets is not None and ticket in tickets["hall_ticket"]:
                    removed += self._remove_from_part(part, ticket)
        return removed

    def compact(self, release: str) -> int:
        """Merge small parts into large ones and return by how many the parts became fewer.

        The merged part is written before the small ones are deleted. A compaction that dies in
        between leaves rows twice, which are read once, and loses none.
        """
        before = self.parts(release)
        small: dict[str, pl.DataFrame] = {}
        height = size = 0
        for part in before:
            rows = self._store.read_columns(part, _columns("hall_ticket"))
            if rows is None or rows.height >= SMALL_PART_ROWS:
                continue
            frame = self._store.read_columns(part, COLUMNS)
            if frame is None:
                continue
            height, size = height + frame.height, size + int(frame.estimated_size())
            if height > MAX_ROWS_OF_PART or size > MAX_BYTES_OF_PART:
                self._merge_parts(release, small)
                small, height, size = {}, frame.height, int(frame.estimated_size())
            small[part] = frame
        self._merge_parts(release, small)
        return len(before) - len(self.parts(release))

    def write_marker(self, release: str, marker: dict[str, Any]) -> None:
        """Write the marker of a complete release alongside its parts."""
        data = json.dumps(marker, sort_keys=True).encode()
        self._store.put(_folder(release) + MARKER, data)

    def read_marker(self, release: str) -> dict[str, Any] | None:
        """Return the marker of a release; None if there is none or it cannot be read."""
        data = self._store.get(_folder(release) + MARKER)
        try:
            marker = json.loads(data or b"null")
        except ValueError:
            return None
        return marker if isinstance(marker, dict) else None

    def delete_marker(self, release: str) -> None:
        """Delete the marker of a release."""
        self._store.delete(_folder(release) + MARKER)

    def _write_part(self, release: str, frame: pl.DataFrame) -> str:
        # The names of parts sort by the time of writing.
        name = f"part-{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.parquet"
        path = _folder(release) + name
        self._store.put(path, _encode(frame))
        return path

    def _merge_parts(self, release: str, parts: dict[str, pl.DataFrame]) -> None:
        """Write one part with the rows of several, each once, and delete these."""
        if len(parts) <= 1:
            return
        # A compaction that died may have left some rows twice.
        key = ["hall_ticket", "outcome", "fetched_at", "sha256"]
        rows = pl.concat(list(parts.values())).unique(key, keep="first", maintain_order=True)
        self._write_part(release, rows)
        for part in parts:
            self._store.delete(part)

    def _remove_from_part(self, part: str, ticket: str) -> int:
        frame = self._store.read_columns(part, COLUMNS)
        if frame is None:
            message = (
                f"{part} disappeared while {mask_ticket(ticket)} was being forgotten. Run the"
                " command again."
            )
            raise LakeError(message)
        kept = frame.filter(pl.col("hall_ticket") != ticket)
        if kept.is_empty():
            self._store.delete(part)
        else:
            self._store.put(part, _encode(kept))
        return frame.height - kept.height

    def _read_counting_answers(self, release: str) -> pl.DataFrame:
        """Return the answer that counts per ticket, with its place (`part`, `row`).

        A later answer counts more than an earlier one; a failure counts only if there is nothing
        else.
        """
        schema = {**COLUMNS_WITHOUT_BODY, "row": pl.UInt32(), "part": pl.String()}
        frames = self._read_parts(release, COLUMNS_WITHOUT_BODY)
        return (
            pl.concat([pl.DataFrame(schema=schema), *frames])
            .with_columns(_failed=pl.col("outcome") == Outcome.FAILED.value)
            .sort("_failed", "fetched_at", "part", "row", descending=[True, False, False, False])
            .unique("hall_ticket", keep="last", maintain_order=True)
            .drop("_failed")
        )

    def _read_parts(self, release: str, columns: Schema) -> list[pl.DataFrame]:
        """Return these columns of every part, and the place of each row (`part`, `row`)."""
        for _ in range(MAX_READ_ATTEMPTS):
            parts = self.parts(release)
            frames = [self._store.read_columns(part, columns) for part in parts]
            read: list[pl.DataFrame] = []
            for part, frame in zip(parts, frames, strict=True):
                if frame is None:
                    # The part was compacted meanwhile: start again.
                    break
                if not frame["outcome"].is_in(OUTCOMES).all():
                    raise self._store.damaged(part, "it holds an unknown outcome")
                rows = frame.with_row_index("row").select(
                    *columns, pl.col("row").cast(pl.UInt32), pl.lit(part).alias("part")
                )
                if self.forgotten:
                    tickets = rows["hall_ticket"].unique()
                    gone = [ticket for ticket in tickets if ticket in self.forgotten]
                    rows = rows.filter(~pl.col("hall_ticket").is_in(gone))
                read.append(rows)
            else:
                return read
        raise self._parts_keep_changing(release)

    def _parts_keep_changing(self, release: str) -> LakeError:
        return LakeError(
            f"The parts of release {release} in the lake {self.location} changed each of the"
            f" {MAX_READ_ATTEMPTS} times that they were read, because another process compacts"
            " them. Run again when it has ended."
        )


def count_sentences(answers: pl.DataFrame) -> dict[str, int]:
    """Return the sentences given instead of a result, without hall tickets, with their counts.

    The most frequent one comes first.
    """
    sentences = answers.filter(pl.col("outcome") == Outcome.NO_RESULT.value)["cause"].drop_nulls()
    counts = Counter(hide_tickets(sentence) for sentence in sentences)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _folder(release: str) -> str:
    return f"{ROOT}/{PARTITION}{require_release_key(release)}/"


def _columns(*names: str) -> dict[str, pl.DataType]:
    return {name: COLUMNS[name] for name in names}


def _encode(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=ZSTD_LEVEL)
    return buffer.getvalue()
