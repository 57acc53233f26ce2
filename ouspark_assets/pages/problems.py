"""What is wrong with the rows of a table: one line per row, column and reason."""

from collections.abc import Iterable

import polars as pl

from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import MISSING, find_violations, no_violations


def problems_where(
    frame: pl.DataFrame, condition: pl.Expr, reason: str, column: str | None = None
) -> pl.DataFrame:
    """The rows of a frame (it has a column `row`) where a condition holds, with the reason."""
    return frame.filter(condition).select(
        "row",
        pl.lit(column, dtype=pl.String).alias("column"),
        pl.lit(reason).alias("reason"),
    )


def model_problems(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Every rule of the table's model that rows of the frame break."""
    found = find_violations(table, frame)
    return found.with_columns(frame["row"].gather(found["row"]).alias("row"))


def reasons_by_row(problems: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Per row the list of its reasons; that a column is missing only where nothing says more."""
    everything = pl.concat([no_violations(), *problems]).unique(maintain_order=True)
    missing = pl.col("reason").str.ends_with(MISSING) & pl.col("column").is_not_null()
    return (
        everything.filter(~missing | (pl.len().over("row", "column") == 1))
        .group_by("row", maintain_order=True)
        .agg(pl.col("reason").alias("reasons"))
    )
