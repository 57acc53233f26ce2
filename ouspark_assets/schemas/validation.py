"""Validating frames against the Pandera models of their tables.

`require_valid` refuses a computed frame as a whole; `find_violations` names the rules that each row
breaks, so that single records can be rejected. Neither reports values, which are students' data.
Frames are eager, because pandera checks only the schema of a lazy frame.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl
from pandera.errors import SchemaError, SchemaErrors

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.fields import PRINTABLE_PATTERN
from ouspark_assets.schemas.table import Table

BROKEN_RULES: Mapping[str, Any] = {"column": pl.String, "rule": pl.String, "cases": pl.UInt32}
MAX_RULES_NAMED = 5
# A violation of a rule about the whole row has no column.
VIOLATIONS: Mapping[str, Any] = {
    "row": pl.UInt32(),
    "column": pl.String(),
    "reason": pl.String(),
}
MISSING = "is missing"
_REASONS = {
    "in_range": "is not between {min_value} and {max_value}",
    "greater_than_or_equal_to": "is less than {min_value}",
    "less_than_or_equal_to": "is more than {max_value}",
    "str_length": "does not have {min_value} to {max_value} characters",
    "str_matches": "is malformed",
    "isin": "is not one of the allowed values",
}
UNPRINTABLE_REASON = "has characters that can't be displayed"


def find_broken_rules(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return every rule that the frame breaks (column, rule, cases), most cases first."""
    try:
        table.rules.validate(frame, lazy=True)
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
    """Raise a `WarehouseError` that names the broken rules if the frame does not fit its model."""
    broken = find_broken_rules(table, frame)
    if broken.is_empty():
        return
    named = "; ".join(
        f"{column}: {rule} ({cases}×)"
        for column, rule, cases in broken.head(MAX_RULES_NAMED).iter_rows()
    )
    message = (
        f"{table.qualified_name} was not written because it does not fit its model: {named}. "
        "The computation or its input is wrong; see the checks of the upstream assets."
    )
    raise WarehouseError(message)


def find_violations(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return every rule that a row breaks: the row's position in the frame, column and reason.

    Uniqueness of keys is not checked here, because the model cannot tell which of two rows is
    wrong.
    """
    try:
        table.rules.validate(table.conform(frame), lazy=True)
    except SchemaErrors as errors:
        found = [_violations_of(error, table.columns) for error in errors.schema_errors]
        return pl.concat([no_violations(), *found])
    return no_violations()


def no_violations() -> pl.DataFrame:
    """Return an empty frame of violations."""
    return pl.DataFrame(schema=VIOLATIONS)


def _violations_of(error: SchemaError, columns: list[str]) -> pl.DataFrame:
    output, check = error.check_output, error.check
    checks_uniqueness = isinstance(check, str) and "unique" in check
    if not isinstance(output, pl.DataFrame) or checks_uniqueness:
        return no_violations()
    column = error.schema.name if error.schema.name in columns else None
    reason = MISSING if isinstance(check, str) else _reason(check)
    failing = (~output["check_output"].fill_null(value=False)).arg_true()
    return pl.DataFrame({"row": failing}, schema={"row": pl.UInt32}).select(
        "row",
        pl.lit(column, dtype=pl.String).alias("column"),
        pl.lit(f"{column} {reason}" if column else reason).alias("reason"),
    )


def _reason(check: Any) -> str:
    limits = check.statistics or {}
    if limits.get("pattern") == PRINTABLE_PATTERN:
        return UNPRINTABLE_REASON
    rule = str(check.name).strip("_").replace("_", " ")
    reason = _REASONS.get(check.name, f"broken rule: {rule}")
    return reason.format(**{name: limits.get(name) or 0 for name in ("min_value", "max_value")})
