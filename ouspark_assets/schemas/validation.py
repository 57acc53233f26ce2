"""Holding a frame against its table's model: which rules are broken and how often.

Counts only, never the values, which are students' data. Frames are eager: of a lazy one pandera
would check the schema alone.
"""

import polars as pl
from pandera.errors import SchemaErrors

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.table import Table

BROKEN_RULES = {"column": pl.String, "rule": pl.String, "cases": pl.UInt32}
MOST_RULES_NAMED = 5


def broken_rules(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Every rule of the model that the frame breaks: column, rule, cases; the worst first."""
    try:
        table.model.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
        return (
            cases.select(
                pl.col("column").cast(pl.String), pl.col("check").cast(pl.String).alias("rule")
            )
            .group_by("column", "rule")
            .len("cases")
            .sort("cases", "column", "rule", descending=[True, False, False])
        )
    return pl.DataFrame(schema=BROKEN_RULES)


def require_valid(table: Table, frame: pl.DataFrame) -> None:
    """Refuse a frame that does not fit its model, in one line; nothing has been written then."""
    broken = broken_rules(table, frame)
    if broken.is_empty():
        return
    named = "; ".join(
        f"{column}: {rule} ({cases}×)"
        for column, rule, cases in broken.head(MOST_RULES_NAMED).iter_rows()
    )
    message = (
        f"{table.qualified_name} would not fit its model and was not written: {named}. "
        "The data upstream or the computation is wrong; see the checks of the assets above it."
    )
    raise WarehouseError(message)
