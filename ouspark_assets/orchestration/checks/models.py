"""Blocking checks of every table: against its Pandera model, and against the tables it refers to.

A broken rule gives a failed check with counts. Errors of the program are not caught. The models
are in `schemas/`, the references in `warehouse/`.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.failures import explained_failure
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import show_first_rows
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.schemas import PIPELINE_TABLES
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import find_broken_rules
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.references import REFERENCES, Reference, count_dangling_rows

MODEL_CHECK = "fits_its_model"
MAX_RULES_SHOWN = 20


def model_checks() -> Sequence[dg.AssetChecksDefinition]:
    """Return a blocking check for every table of the pipeline."""
    return [create_model_check(table) for table in PIPELINE_TABLES]


def create_model_check(table: Table) -> dg.AssetChecksDefinition:
    """Return the check that all stored rows of a table fit its model."""

    @dg.asset_check(
        asset=key_of(table),
        name=MODEL_CHECK,
        blocking=True,
        description=f"All rows of {table.qualified_name} have the types, ranges, values and keys "
        "of its model, and nulls only where it allows them.",
    )
    def fits_its_model(development: Development) -> dg.AssetCheckResult:
        with (
            explained_failure(),
            development.connected(f"check {table.qualified_name}") as connection,
        ):
            frame = read_table(connection, table)
        return evaluate_model(table, frame)

    return fits_its_model


def reference_checks() -> Sequence[dg.AssetChecksDefinition]:
    """Return a blocking check for every reference between clean tables."""
    return [_create_reference_check(reference) for reference in REFERENCES]


def _create_reference_check(reference: Reference) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key_of(reference.table),
        additional_deps=[key_of(reference.to)],
        name=f"every_row_has_its_{reference.to.name}_row",
        blocking=True,
        description=f"Every row refers to an existing row of {reference.to.qualified_name}.",
    )
    def every_row_has_its_target(development: Development) -> dg.AssetCheckResult:
        with (
            explained_failure(),
            development.connected(f"check {reference.table.qualified_name}") as connection,
        ):
            rows = count_dangling_rows(connection, reference)
        return dg.AssetCheckResult(passed=rows == 0, metadata={"rows without": rows})

    return every_row_has_its_target


def evaluate_model(table: Table, frame: pl.DataFrame) -> dg.AssetCheckResult:
    """Validate a whole table against its model."""
    broken = find_broken_rules(table, frame)
    metadata: dict[str, Any] = {"rows": frame.height}
    if not broken.is_empty():
        metadata["broken rules"] = show_first_rows(broken, MAX_RULES_SHOWN)
    return dg.AssetCheckResult(passed=broken.is_empty(), metadata=metadata)
