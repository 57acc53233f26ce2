"""The rules of a model that the rows of a frame break, in words.

Rules are said once, in the Pandera models; here their failures become reasons. Reasons carry no
values, so that they can be counted and shown anywhere.
"""

from collections.abc import Mapping
from typing import Any

import pandera.polars as pa
import polars as pl

from ouspark_assets.schemas.fields import PRINTABLE_PATTERN
from ouspark_assets.schemas.table import Table

# Reasons about a whole row have no column.
VIOLATION_SCHEMA: Mapping[str, Any] = {
    "row": pl.UInt32(),
    "column": pl.String(),
    "reason": pl.String(),
}
MISSING = "is missing"
_WORDS = {
    "in_range": "is not between {min_value} and {max_value}",
    "greater_than_or_equal_to": "is less than {min_value}",
    "less_than_or_equal_to": "is more than {max_value}",
    "str_length": "does not have {min_value} to {max_value} characters",
    "str_matches": "is malformed",
    "isin": "is not one of the known words",
}


def violations(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Every rule that a row breaks: its place in the frame, the column and the reason.

    Whether keys are unique is not looked at: which of two rows is wrong is no matter of the model.
    """
    try:
        table.model.validate(table.conform(frame), lazy=True)
    except pa.errors.SchemaErrors as errors:
        found = [_violation(error, table.columns) for error in errors.schema_errors]
        return pl.concat([no_violations(), *found])
    return no_violations()


def no_violations() -> pl.DataFrame:
    """What `violations` says of a frame in which everything is as it should be."""
    return pl.DataFrame(schema=VIOLATION_SCHEMA)


def _violation(error: pa.errors.SchemaError, columns: list[str]) -> pl.DataFrame:
    output = error.check_output
    if not isinstance(output, pl.DataFrame) or _is_key_rule(error.check):
        return no_violations()
    column = error.schema.name if error.schema.name in columns else None
    words = MISSING if isinstance(error.check, str) else _in_words(error.check)
    failing = (~output["check_output"].fill_null(value=False)).arg_true()
    return pl.DataFrame({"row": failing}, schema={"row": pl.UInt32}).select(
        "row",
        pl.lit(column, dtype=pl.String).alias("column"),
        pl.lit(f"{column} {words}" if column else words).alias("reason"),
    )


def _is_key_rule(check: object) -> bool:
    return isinstance(check, str) and "unique" in check


def _in_words(check: Any) -> str:
    limits = check.statistics or {}
    words = _WORDS.get(check.name, f"broken rule: {str(check.name).strip('_').replace('_', ' ')}")
    if limits.get("pattern") == PRINTABLE_PATTERN:
        words = "has characters that can't be shown"
    return words.format(**{name: limits.get(name) or 0 for name in ("min_value", "max_value")})
