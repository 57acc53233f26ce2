"""Loading a release: what the lake holds of it, parsed and merged in one transaction.

How a page is read is `pages/`, how rows are written is `warehouse/`; here they meet. No dagster.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from ouspark_assets.pages import layout
from ouspark_assets.pages.batch import CleanBatch, empty_batch
from ouspark_assets.pages.corrections import Correction, check_changes
from ouspark_assets.pages.layout import Layout
from ouspark_assets.pages.parallel import clean_in_parallel
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.sources.reference_files import read_subjects
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import Change, Loading, Writer, writing
from ouspark_assets.warehouse.quarantine.decisions import (
    correct,
    corrections,
    discard,
    record,
    record_number,
)
from ouspark_assets.warehouse.quarantine.records import Quarantined, quarantine
from ouspark_assets.warehouse.records.loads import account, mark_loaded

PARSED_TABLES = (APPEARANCES, RESULTS, MARKS)
PAGES_PER_BATCH = 2_000


@dataclass(frozen=True)
class Loaded:
    """What loading a release did."""

    release: str
    changes: Mapping[str, Change]
    quarantined: Quarantined
    accounting: pl.DataFrame
    layout: Layout

    @property
    def pages(self) -> int:
        """Pages read."""
        return int(self.accounting.filter(pl.col("table_name") == "pages")["found"].sum())

    @property
    def changed(self) -> int:
        """Rows written or removed over all tables."""
        return sum(change.changed for change in self.changes.values())

    @property
    def rows(self) -> int:
        """Rows of the release in all tables."""
        return sum(change.rows for change in self.changes.values())


def load_release(connection: Connection, archive: PageArchive, release: str, run_id: str) -> Loaded:
    """Bring the clean tables to what the pages of a release say, all of it or nothing."""
    fingerprint = fingerprint_of(archive, release)
    by_hand = [Correction(**vars(stored)) for stored in corrections(connection, release)]
    batches = clean_in_parallel(
        release,
        archive.pages(release, PAGES_PER_BATCH),
        subjects=read_subjects(),
        corrections=by_hand,
    )
    with writing(connection, run_id) as writer:
        loadings = {table: writer.loading(table, {"release": release}) for table in PARSED_TABLES}
        rest = [_staged(batch, loadings) for batch in chain([empty_batch()], batches)]
        changes = {table.qualified_name: it.finish() for table, it in loadings.items()}
        return _closed(writer, release, fingerprint, changes, rest)


def carry_out(
    connection: Connection, fixes: Mapping[str, Mapping[str, str]], discards: Mapping[str, str]
) -> None:
    """Carry out decisions about quarantined records, by their numbers; all of them or none."""
    with connection.transaction():
        for number, changes in fixes.items():
            wrong = record(connection, record_number(number))
            check_changes(wrong.table_name, changes)
            correct(connection, wrong, changes)
        for number, why in discards.items():
            discard(connection, record(connection, record_number(number)), why)


def fingerprint_of(archive: PageArchive, release: str) -> str:
    """Which pages of which students the lake holds of a release."""
    found = archive.answers(release).filter(pl.col("outcome") == "found")
    return hashlib.sha256(found.select("hall_ticket", "sha256").write_csv().encode()).hexdigest()


def summed(accounts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The accounts of several loads as one."""
    return pl.concat(list(accounts)).group_by("table_name", maintain_order=True).sum()


@dataclass(frozen=True)
class _Rest:
    """What is left of a batch once its rows are on the server."""

    rejected: pl.DataFrame
    accounting: pl.DataFrame
    layout: Layout


def _staged(batch: CleanBatch, loadings: Mapping[Table, Loading]) -> _Rest:
    frames = (batch.appearances, batch.results, batch.marks)
    for table, frame in zip(PARSED_TABLES, frames, strict=True):
        loadings[table].add(frame)
    return _Rest(batch.rejected, batch.accounting, batch.layout)


def _closed(
    writer: Writer,
    release: str,
    fingerprint: str,
    changes: Mapping[str, Change],
    rest: Sequence[_Rest],
) -> Loaded:
    accounting = summed(batch.accounting for batch in rest)
    quarantined = quarantine(writer, release, pl.concat([batch.rejected for batch in rest]))
    account(writer, release, accounting)
    seen = layout.merged([batch.layout for batch in rest])
    mark_loaded(writer, release, fingerprint, seen.as_json())
    return Loaded(release, changes, quarantined, accounting, seen)
