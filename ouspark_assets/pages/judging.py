"""Accepting and rejecting the rows of one table, and keeping count of them.

The same for every table; what is wrong with a row is found out elsewhere.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from ouspark_assets.pages.duplicates import conflicts, without_repetitions
from ouspark_assets.pages.printed import Printed
from ouspark_assets.pages.problems import model_problems, problems_where, reasons_by_row
from ouspark_assets.schemas.table import Table

Problems = Callable[[pl.DataFrame], Iterable[pl.DataFrame]]


@dataclass(frozen=True)
class Judged:
    """The accepted rows with the table's columns, the rejected ones as records, and the account."""

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    found: int

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Found, accepted, collapsed, quarantined."""
        kept, out = self.accepted.height, self.rejected.height
        return self.found, kept, self.found - kept - out, out


def judged(table: Table, printed: Printed, typed: pl.DataFrame, problems: Problems) -> Judged:
    """Tell the rows that can be accepted from those that can't, with every reason."""
    texts = [f"{field}_text" for field in printed.fields]
    rows = without_repetitions(typed, ["hall_ticket", *texts, "misfit"])
    fitting = rows.filter(pl.col("problem").is_null())
    found = [model_problems(table, fitting), *problems(fitting)]
    sound = fitting.join(pl.concat(found), on="row", how="anti", maintain_order="left")
    # What is spelled differently and means the same ("4", "4.0") is no conflict.
    kept = without_repetitions(sound, [*table.key[1:], *table.content])
    repeated = sound.join(kept, on="row", how="anti")
    fitting = fitting.join(repeated, on="row", how="anti", maintain_order="left")
    found += [conflicts(fitting, table.key[1:]), _misfits(rows)]
    reasons = reasons_by_row(found)
    accepted = kept.join(reasons, on="row", how="anti", maintain_order="left")
    return Judged(
        accepted=table.conform(accepted),
        rejected=rejected_records(printed, rows, reasons),
        found=typed.height,
    )


def rejected_records(printed: Printed, rows: pl.DataFrame, reasons: pl.DataFrame) -> pl.DataFrame:
    """The rejected rows as they go to quarantine, in the order of the pages."""
    chosen = rows.join(reasons, on="row", how="inner").sort("row")
    numbers = chosen["row"].to_list()
    return chosen.select(
        "release",
        "hall_ticket",
        pl.lit(printed.table_name).alias("table_name"),
        "reasons",
        pl.Series("raw", [printed.raw(row) for row in numbers], dtype=pl.String),
        pl.Series("fingerprint", [printed.fingerprint(row) for row in numbers], dtype=pl.String),
    )


def _misfits(rows: pl.DataFrame) -> pl.DataFrame:
    misfits = rows.filter(pl.col("problem").is_not_null())
    return pl.concat(
        [problems_where(misfits.clear(), pl.lit(value=True), "")]
        + [
            problems_where(misfits, pl.col("problem") == problem, problem)
            for problem in misfits["problem"].unique(maintain_order=True)
        ]
    )
