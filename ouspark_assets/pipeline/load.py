"""Load a release: parse the pages that the lake holds of it, and merge the rows in one transaction.

How a page is read is in `pages/`, how rows are written is in `warehouse/`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import polars as pl

from ouspark_assets.pages.batch import empty_batch
from ouspark_assets.pages.corrections import Correction, check_changes
from ouspark_assets.pages.page_layout import Layout, merge_layouts
from ouspark_assets.pages.parallel import clean_in_parallel
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, NO_RESULTS, QUARANTINE, RESULTS
from ouspark_assets.sources.reference_files import read_subjects
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import MergeResult, write_transaction
from ouspark_assets.warehouse.quarantine.decisions import (
    correct_record,
    discard_record,
    find_record,
    parse_record_number,
    read_corrections,
)
from ouspark_assets.warehouse.quarantine.rejected_records import QuarantineChange, update_quarantine
from ouspark_assets.warehouse.records.loads import mark_loaded, store_accounts

PARSED_TABLES = (APPEARANCES, RESULTS, MARKS)
# What a load writes: rejected records go to quarantine.
LOADED_TABLES = (*PARSED_TABLES, NO_RESULTS, QUARANTINE)
PAGES_PER_BATCH = 2_000


@dataclass(frozen=True)
class LoadResult:
    """What loading a release changed."""

    release: str
    changes: Mapping[str, MergeResult]
    quarantined: QuarantineChange
    accounting: pl.DataFrame
    layout: Layout

    @property
    def pages(self) -> int:
        """Pages read."""
        return int(self.accounting.filter(pl.col("table_name") == "pages")["found"].sum())

    @property
    def changed(self) -> int:
        """Rows written or removed, over all tables."""
        return sum(change.changed for change in self.changes.values())

    @property
    def rows(self) -> int:
        """Rows of the release, over all tables."""
        return sum(change.rows for change in self.changes.values())


def load_release(
    connection: Connection, archive: PageArchive, release: str, run_id: str
) -> LoadResult:
    """Make the clean tables equal to what the pages of a release say, in one transaction.

    Parsing runs in other processes; rows are copied to the server batch by batch, so that memory
    does not grow with the release.
    """
    fingerprint, fictitious = archive.fingerprint(release), archive.is_fictitious(release)
    batches = clean_in_parallel(
        release,
        archive.pages(release, PAGES_PER_BATCH),
        subjects=read_subjects(),
        corrections=[
            Correction(**vars(stored)) for stored in read_corrections(connection, release)
        ],
    )
    accounts: list[pl.DataFrame] = []
    rejected: list[pl.DataFrame] = []
    layouts: list[Layout] = []
    with write_transaction(connection, run_id) as writer:
        loadings = {
            table: writer.start_load(table, {"release": release})
            for table in (*PARSED_TABLES, NO_RESULTS)
        }
        loadings[NO_RESULTS].add(read_no_results(archive, release))
        for batch in chain([empty_batch()], batches):
            loadings[APPEARANCES].add(batch.appearances)
            loadings[RESULTS].add(batch.results)
            loadings[MARKS].add(batch.marks)
            accounts.append(batch.accounting)
            rejected.append(batch.rejected)
            layouts.append(batch.layout)
        changes = {table.qualified_name: loading.finish() for table, loading in loadings.items()}
        quarantined = update_quarantine(writer, release, pl.concat(rejected))
        accounting = sum_accounts(accounts)
        store_accounts(writer, release, accounting)
        seen_layout = merge_layouts(layouts)
        mark_loaded(writer, release, fingerprint, seen_layout.as_json(), fictitious=fictitious)
    return LoadResult(release, changes, quarantined, accounting, seen_layout)


def read_no_results(archive: PageArchive, release: str) -> pl.DataFrame:
    """Return the hall tickets whose latest answer in the lake is a sentence instead of a result."""
    answers = archive.answers(release).filter(pl.col("outcome") == Outcome.NO_RESULT.value)
    return NO_RESULTS.conform(answers.rename({"cause": "sentence", "fetched_at": "asked_at"}))


def apply_decisions(
    connection: Connection,
    corrected: Mapping[str, Mapping[str, str]],
    discarded: Mapping[str, str],
) -> None:
    """Correct and discard quarantined records, named by their numbers, in one transaction.

    `corrected` maps a record to its new texts by field, `discarded` maps a record to the reason.
    """
    with connection.transaction():
        for number, changes in corrected.items():
            wrong = find_record(connection, parse_record_number(number))
            check_changes(wrong.table_name, changes)
            correct_record(connection, wrong, changes)
        for number, reason in discarded.items():
            discard_record(connection, find_record(connection, parse_record_number(number)), reason)


def sum_accounts(accounts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the accounts of several batches or loads as one, a row per table."""
    return pl.concat(list(accounts)).group_by("table_name", maintain_order=True).sum()
