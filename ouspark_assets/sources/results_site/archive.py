"""The lake: every answer of the site as received, in Parquet parts, in a folder or on S3.

A part is written whole or not at all, and is never changed but by `compact` and `forget`. Which
answer counts is decided here; what its page says is `pages/`.
"""

import json
import secrets
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from ouspark_assets.domain.errors import LakeError
from ouspark_assets.domain.hall_tickets import mask_ticket
from ouspark_assets.domain.releases import is_release_key, require_release_key
from ouspark_assets.sources.results_site.forgotten_tickets import ForgottenTickets
from ouspark_assets.sources.results_site.object_store import ObjectStore, Schema
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.parts import (
    OUTCOMES,
    SCHEMA,
    SMALL_PART_ROWS,
    WITHOUT_BODY,
    ArchivedAnswer,
    Merging,
    columns_named,
    encoded,
    frame_of,
    is_intact,
    placed,
)

ROOT = "raw/result_pages"
PARTITION = "release="
MARKER = "_complete.json"
READ_TRIES = 3


class PageArchive:
    """Every answer ever received, by release."""

    def __init__(self, location: str) -> None:
        """Open the lake at a folder or an s3:// URL."""
        self._store = ObjectStore(location)
        self.location = location
        # What was forgotten is never read again, should it have come back into a part.
        self.forgotten = ForgottenTickets(self._store)

    def write(self, release: str, answers: Sequence[ArchivedAnswer]) -> str:
        """Write answers as one new part, whole or not at all; its path."""
        return self._write(release, frame_of(release, answers))

    def releases(self) -> list[str]:
        """The releases that have a folder in the lake, sorted by key."""
        folders = (it for it in self._store.folders(ROOT) if it.startswith(PARTITION))
        names = (name.removeprefix(PARTITION) for name in folders)
        return [name for name in names if is_release_key(name)]

    def parts(self, release: str) -> list[str]:
        """The paths of a release's parts, oldest first."""
        paths = self._store.paths(_folder(release))
        return [path for path in paths if _is_part(path)]

    def answers(self, release: str) -> pl.DataFrame:
        """The answer that counts for every ticket ever asked, without bodies, by ticket."""
        return self._counting(release).drop("part", "row").sort("hall_ticket")

    def pages(
        self, release: str, batch_rows: int = 1024, tickets: Collection[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """The counting pages of students (hall_ticket, sha256, body), some at a time."""
        wanted = None if tickets is None else pl.Series(list(tickets), dtype=pl.String)
        seen: list[pl.Series] = []
        for _ in range(READ_TRIES):
            found = self._counting(release).filter(pl.col("outcome") == Outcome.FOUND.value)
            if wanted is not None:
                found = found.filter(pl.col("hall_ticket").is_in(wanted.implode()))
            if seen:
                found = found.filter(~pl.col("hall_ticket").is_in(pl.concat(seen).implode()))
            for (part,), rows in found.sort("part", "row").group_by("part", maintain_order=True):
                frame = self._store.read_columns(
                    str(part), columns_named("hall_ticket", "sha256", "body")
                )
                if frame is None:
                    # Compacted away meanwhile: its rows are in a newer part.
                    break
                chosen = frame[rows["row"]]
                if not all(map(is_intact, chosen["sha256"], chosen["body"])):
                    raise self._store.damaged(str(part), "a page is not what was archived")
                seen.append(chosen["hall_ticket"])
                yield from chosen.iter_slices(batch_rows)
            else:
                return
        raise self._moving(release)

    def known_tickets(self, in_order: Sequence[str] = ()) -> pl.DataFrame:
        """Every ticket ever found: hall_ticket, releases, latest (when fetched), settled.

        `settled` says whether the page of the last release, in the order given, left nothing open.
        """
        columns = columns_named("release", "hall_ticket", "outcome", "fetched_at", "settled")
        places = {release: place for place, release in enumerate(in_order)}
        frames = [
            frame.filter(pl.col("outcome") == Outcome.FOUND.value)
            .drop("outcome")
            .with_columns(_place=pl.lit(places.get(release, -1), dtype=pl.Int32))
            for release in self.releases()
            for frame in self._parts_read(release, columns)
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
        """Remove every answer to a ticket from every part, for good; the number of them.

        The ticket goes on the list of forgotten ones first, so that nothing brings it back.
        """
        self.forgotten.add(ticket)
        removed = 0
        for release in self.releases():
            for part in self.parts(release):
                tickets = self._store.read_columns(part, columns_named("hall_ticket"))
                if tickets is not None and ticket in tickets["hall_ticket"]:
                    removed += self._without(part, ticket)
        return removed

    def compact(self, release: str) -> int:
        """Merge small parts into large ones; the number of parts fewer.

        The merged part is written before the small ones go, so that dying in between leaves rows
        twice, which count once, and never leaves a row out.
        """
        before = self.parts(release)
        merging = Merging()
        for part in before:
            rows = self._store.read_columns(part, columns_named("hall_ticket"))
            if rows is None or rows.height >= SMALL_PART_ROWS:
                continue
            frame = self._store.read_columns(part, SCHEMA)
            if frame is not None and merging.would_overflow(frame):
                self._merge(release, merging)
                merging = Merging()
            if frame is not None:
                merging.add(part, frame)
        self._merge(release, merging)
        return len(before) - len(self.parts(release))

    def mark(self, release: str, marker: dict[str, Any]) -> None:
        """Keep a small note beside the parts of a release."""
        self._store.put(_folder(release) + MARKER, json.dumps(marker, sort_keys=True).encode())

    def marker(self, release: str) -> dict[str, Any] | None:
        """The note beside the parts of a release; None when there is none."""
        data = self._store.get(_folder(release) + MARKER)
        try:
            note = None if data is None else json.loads(data)
        except ValueError:
            return None
        return note if isinstance(note, dict) else None

    def unmark(self, release: str) -> None:
        """Remove the note beside the parts of a release."""
        self._store.delete(_folder(release) + MARKER)

    def _write(self, release: str, frame: pl.DataFrame) -> str:
        path = f"{_folder(release)}part-{_time_ordered_id()}.parquet"
        self._store.put(path, encoded(frame))
        return path

    def _merge(self, release: str, merging: Merging) -> None:
        if len(merging.parts) <= 1:
            return
        self._write(release, merging.frame())
        for part in merging.parts:
            self._store.delete(part)

    def _without(self, part: str, ticket: str) -> int:
        frame = self._store.read_columns(part, SCHEMA)
        if frame is None:
            message = (
                f"{part} went away while {mask_ticket(ticket)} was being forgotten: run it again"
            )
            raise LakeError(message)
        kept = frame.filter(pl.col("hall_ticket") != ticket)
        if kept.is_empty():
            self._store.delete(part)
        else:
            self._store.put(part, encoded(kept))
        return frame.height - kept.height

    def _counting(self, release: str) -> pl.DataFrame:
        """The answer that counts per ticket, with where it lies (`part`, `row`).

        A later answer counts more than an earlier one; a failure only when there is nothing else.
        """
        frames = self._parts_read(release, WITHOUT_BODY)
        empty = pl.DataFrame(schema={**WITHOUT_BODY, "row": pl.UInt32(), "part": pl.String()})
        return (
            pl.concat([empty, *frames])
            .with_columns(_failed=pl.col("outcome") == Outcome.FAILED.value)
            .sort("_failed", "fetched_at", "part", "row", descending=[True, False, False, False])
            .unique("hall_ticket", keep="last", maintain_order=True)
            .drop("_failed")
        )

    def _parts_read(self, release: str, columns: Schema) -> list[pl.DataFrame]:
        """Columns of every part, each row with its place when all columns but the body are read."""
        for _ in range(READ_TRIES):
            frames = [
                (part, self._store.read_columns(part, columns)) for part in self.parts(release)
            ]
            if all(frame is not None for _, frame in frames):
                self._refuse_strangers(frames)
                return [
                    self._remembered(placed(frame, part) if columns is WITHOUT_BODY else frame)
                    for part, frame in frames
                    if frame is not None
                ]
        raise self._moving(release)

    def _refuse_strangers(self, frames: Sequence[tuple[str, pl.DataFrame | None]]) -> None:
        for part, frame in frames:
            if frame is not None and not frame["outcome"].is_in(OUTCOMES).all():
                raise self._store.damaged(part, "it has an outcome that nobody archives")

    def _remembered(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self.forgotten:
            return frame
        gone = [ticket for ticket in frame["hall_ticket"].unique() if ticket in self.forgotten]
        return frame.filter(~pl.col("hall_ticket").is_in(gone))

    def _moving(self, release: str) -> LakeError:
        return LakeError(
            f"the parts of release {release} in the lake {self.location} kept changing while they"
            " were read: another process compacts them; run again when it is done"
        )


def _folder(release: str) -> str:
    return f"{ROOT}/{PARTITION}{require_release_key(release)}/"


def _is_part(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.startswith("part-") and name.endswith(".parquet")


def _time_ordered_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
