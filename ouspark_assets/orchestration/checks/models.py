"""Asset checks: every table against its Pandera model and its references, blocking.

A broken rule is a failed check with counts; an error of the program stays an error. Models are
in `schemas/`.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.resources import Development
from ouspark_assets.schemas import PIPELINE_TABLES
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import find_broken_rules
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.references import REFERENCES, Reference, dangling

MODEL_CHECK = "fits_its_model"
MOST_RULES_SHOWN = 20


def model_checks() -> Sequence[dg.AssetChecksDefinition]:
    """A blocking check for every table of the pipeline."""
    return [check_from_model(table) for table in PIPELINE_TABLES]


def check_from_model(table: Table) -> dg.AssetChecksDefinition:
    """The check that a whole stored table fits its model."""

    @dg.asset_check(
        asset=dg.AssetKey([table.schema, table.name]),
        name=MODEL_CHECK,
        blocking=True,
        description=f"Types, nulls, ranges, words and keys of all rows of {table.qualified_name}",
    )
    def fits_its_model(development: Development) -> dg.AssetCheckResult:
        with development.connected(f"check {table.qualified_name}") as connection:
            frame = read_table(connection, table)
        return judged(table, frame)

    return fits_its_model


def reference_checks() -> Sequence[dg.AssetChecksDefinition]:
    """A blocking check for every reference between clean tables."""
    return [_check_of(reference) for reference in REFERENCES]


def _check_of(reference: Reference) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey([reference.table.schema, reference.table.name]),
        additional_deps=[dg.AssetKey([reference.to.schema, reference.to.name])],
        name=f"every_row_has_its_{reference.to.name}_row",
        blocking=True,
        description=f"No row points to something that {reference.to.qualified_name} lacks.",
    )
    def every_row_has_its_other(development: Development) -> dg.AssetCheckResult:
        with development.connected(f"check {reference.table.qualified_name}") as connection:
            rows = dangling(connection, reference)
        return dg.AssetCheckResult(passed=rows == 0, metadata={"rows without": rows})

    return every_row_has_its_other


def judged(table: Table, frame: pl.DataFrame) -> dg.AssetCheckResult:
    """What the model says of a whole table."""
    broken = find_broken_rules(table, frame)
    metadata: dict[str, Any] = {"rows": frame.height}
    if not broken.is_empty():
        shown = broken.head(MOST_RULES_SHOWN).iter_rows(named=True)
        metadata["broken rules"] = dg.MetadataValue.table([dg.TableRecord(row) for row in shown])
    return dg.AssetCheckResult(passed=broken.is_empty(), metadata=metadata)
