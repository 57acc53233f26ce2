"""`CleanBatch`: the accepted rows and rejected records of a batch of pages, with their counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ouspark_assets.pages.page_layout import Layout, merge_layouts
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS

REJECTED_SCHEMA: Mapping[str, Any] = {
    "release": pl.String(),
    "hall_ticket": pl.String(),
    "table_name": pl.String(),
    "reasons": pl.List(pl.String()),
    "raw": pl.String(),
    "fingerprint": pl.String(),
}
COUNTS = ("found", "accepted", "collapsed", "quarantined")
ACCOUNTING_SCHEMA: Mapping[str, Any] = {
    "table_name": pl.String(),
    **{count: pl.Int64() for count in COUNTS},
}
ACCOUNTED_TABLES = ("pages", "appearances", "results", "marks")


@dataclass(frozen=True)
class CleanBatch:
    """Rows for the clean tables, records for quarantine, and the accounting of both.

    In the accounting, found = accepted + collapsed (identical duplicates) + quarantined.
    """

    appearances: pl.DataFrame
    results: pl.DataFrame
    marks: pl.DataFrame
    rejected: pl.DataFrame
    accounting: pl.DataFrame
    layout: Layout


def empty_batch() -> CleanBatch:
    """Return the batch of no pages."""
    return CleanBatch(
        appearances=APPEARANCES.empty(),
        results=RESULTS.empty(),
        marks=MARKS.empty(),
        rejected=pl.DataFrame(schema=REJECTED_SCHEMA),
        accounting=make_accounting(dict.fromkeys(ACCOUNTED_TABLES, (0, 0, 0, 0))),
        layout=Layout(),
    )


def make_accounting(counts: Mapping[str, tuple[int, int, int, int]]) -> pl.DataFrame:
    """Return the frame of found, accepted, collapsed and quarantined records per table."""
    return pl.DataFrame(
        [(name, *numbers) for name, numbers in counts.items()],
        schema=ACCOUNTING_SCHEMA,
        orient="row",
    )


def merge_batches(batches: Iterable[CleanBatch]) -> CleanBatch:
    """Return one batch of several; no hall ticket may be in two of them."""
    batches = [empty_batch(), *batches]
    accounting = pl.concat([batch.accounting for batch in batches])
    frames = ("appearances", "results", "marks", "rejected")
    return CleanBatch(
        **{name: pl.concat([getattr(batch, name) for batch in batches]) for name in frames},
        accounting=accounting.group_by("table_name", maintain_order=True).agg(pl.col(COUNTS).sum()),
        layout=merge_layouts([batch.layout for batch in batches]),
    )
