"""What becomes of a batch of pages: accepted rows, rejected records, and the account of both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ouspark_assets.pages import layout
from ouspark_assets.pages.layout import Layout
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
    """Rows for the clean tables, records for quarantine, and found = accepted + both others."""

    appearances: pl.DataFrame
    results: pl.DataFrame
    marks: pl.DataFrame
    rejected: pl.DataFrame
    accounting: pl.DataFrame
    layout: Layout


def empty_batch() -> CleanBatch:
    """The batch of no pages at all."""
    return CleanBatch(
        appearances=APPEARANCES.empty(),
        results=RESULTS.empty(),
        marks=MARKS.empty(),
        rejected=pl.DataFrame(schema=REJECTED_SCHEMA),
        accounting=accounting_of(dict.fromkeys(ACCOUNTED_TABLES, (0, 0, 0, 0))),
        layout=Layout(),
    )


def accounting_of(counts: Mapping[str, tuple[int, int, int, int]]) -> pl.DataFrame:
    """The account as a frame: found, accepted, collapsed and quarantined of every table."""
    return pl.DataFrame(
        [(name, *numbers) for name, numbers in counts.items()],
        schema=ACCOUNTING_SCHEMA,
        orient="row",
    )


def merged(batches: Iterable[CleanBatch]) -> CleanBatch:
    """One batch of several; no ticket may be in two of them."""
    batches = [empty_batch(), *batches]
    accounting = pl.concat([batch.accounting for batch in batches])
    return CleanBatch(
        appearances=pl.concat([batch.appearances for batch in batches]),
        results=pl.concat([batch.results for batch in batches]),
        marks=pl.concat([batch.marks for batch in batches]),
        rejected=pl.concat([batch.rejected for batch in batches]),
        accounting=accounting.group_by("table_name", maintain_order=True).agg(pl.col(COUNTS).sum()),
        layout=layout.merged([batch.layout for batch in batches]),
    )
