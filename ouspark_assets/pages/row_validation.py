"""Accepting and rejecting the rows of one table, the same way for every table.

A problem is a row number, a column (null for the whole row) and a reason. The problems that a
table's texts alone show are found in the module of that table.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from ouspark_assets.pages.printed_records import PrintedRecords
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import MISSING, find_violations, no_violations

CONFLICT = "the page has other rows with the same key and different content"

FindProblems = Callable[[pl.DataFrame], Iterable[pl.DataFrame]]


@dataclass(frozen=True)
class ValidatedRows:
    """The accepted rows with the table's columns, and the rejected ones as quarantine records."""

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    found: int

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """The numbers of found, accepted, collapsed and quarantined rows."""
        accepted, quarantined = self.accepted.height, self.rejected.height
        return self.found, accepted, self.found - accepted - quarantined, quarantined


def validate_rows(
    table: Table, printed: PrintedRecords, parsed: pl.DataFrame, find_problems: FindProblems
) -> ValidatedRows:
    """Return the parsed rows, accepted or rejected with every reason.

    Identical rows of a page collapse into one; conflicting rows (same key, different content) are
    all rejected.
    """
    texts = [f"{field}_text" for field in printed.fields]
    rows = _collapse(parsed, ["hall_ticket", *texts, "misfit"])
    misfits = rows.drop_nulls("problem").select(
        "row", pl.lit(None, dtype=pl.String).alias("column"), pl.col("problem").alias("reason")
    )
    fitting = rows.filter(pl.col("problem").is_null())
    violations = find_violations(table, fitting)
    violations = violations.with_columns(fitting["row"].gather(violations["row"]).alias("row"))
    problems = [violations, *find_problems(fitting)]
    sound = fitting.join(pl.concat(problems), on="row", how="anti", maintain_order="left")
    # Different spellings of the same content ("4" and "4.0") are not a conflict.
    kept = _collapse(sound, [*table.key[1:], *table.content])
    repeated = sound.join(kept, on="row", how="anti")
    fitting = fitting.join(repeated, on="row", how="anti", maintain_order="left")
    problems += [_conflicts(fitting, table.key[1:]), misfits]
    reasons = _reasons_by_row(problems)
    accepted = kept.join(reasons, on="row", how="anti", maintain_order="left")
    return ValidatedRows(
        accepted=table.conform(accepted),
        rejected=_make_rejected(printed, rows, reasons),
        found=parsed.height,
    )


def problems_where(
    frame: pl.DataFrame, condition: pl.Expr, reason: str, column: str | None = None
) -> pl.DataFrame:
    """Return a problem with this reason for every row where the condition holds."""
    return frame.filter(condition).select(
        "row",
        pl.lit(column, dtype=pl.String).alias("column"),
        pl.lit(reason).alias("reason"),
    )


def _collapse(frame: pl.DataFrame, content: list[str]) -> pl.DataFrame:
    """Return the first of every group of rows with identical content."""
    return frame.unique(content, keep="first", maintain_order=True)


def _conflicts(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """Return a problem for every row that shares its key with another row.

    Rows with a null or a blank in the key are left out.
    """
    has_key = pl.all_horizontal(
        pl.col(key).is_not_null()
        & pl.all_horizontal(pl.col(name).cast(pl.String) != "" for name in key)
    )
    return problems_where(frame.filter(has_key), pl.len().over(key) > 1, CONFLICT)


def _reasons_by_row(problems: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the list of reasons per row; "is missing" only if its column has no other reason."""
    found = pl.concat([no_violations(), *problems]).unique(maintain_order=True)
    is_missing = pl.col("reason").str.ends_with(MISSING) & pl.col("column").is_not_null()
    return (
        found.filter(~is_missing | (pl.len().over("row", "column") == 1))
        .group_by("row", maintain_order=True)
        .agg(pl.col("reason").alias("reasons"))
    )


def _make_rejected(
    printed: PrintedRecords, rows: pl.DataFrame, reasons: pl.DataFrame
) -> pl.DataFrame:
    """Return the rejected rows as quarantine records, in the order of the pages."""
    rejected = rows.join(reasons, on="row", how="inner").sort("row")
    numbers = rejected["row"].to_list()
    return rejected.select(
        "release",
        "hall_ticket",
        pl.lit(printed.table_name).alias("table_name"),
        "reasons",
        pl.Series("raw", [printed.raw(row) for row in numbers], dtype=pl.String),
        pl.Series("fingerprint", [printed.fingerprint(row) for row in numbers], dtype=pl.String),
    )
