"""The clean tables: `parsed_pages` fills four of them, and students are computed from those.

How a release is loaded is in `pipeline/load.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from ouspark_assets.orchestration.assets.recorded_stage import materialize_table, recorded_stage
from ouspark_assets.orchestration.checks.pages import PAGE_CHECKS, page_check_results
from ouspark_assets.orchestration.failures import explained_failure
from ouspark_assets.orchestration.keys import RESULT_PAGES, key_of
from ouspark_assets.orchestration.metadata import table_definition
from ouspark_assets.orchestration.partitions import release_partitions
from ouspark_assets.orchestration.resources import Development, Lake, SharedFrames
from ouspark_assets.pipeline.compute import STUDENT_INPUTS, compute_students
from ouspark_assets.pipeline.load import (
    LOADED_TABLES,
    LoadResult,
    apply_decisions,
    load_release,
    sum_accounts,
)
from ouspark_assets.schemas.clean import APPEARANCES, NO_RESULTS, QUARANTINE, STUDENTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.writing import MergeResult
from ouspark_assets.warehouse.records.computed_from import content_version

GROUP = "clean"


class LoadConfig(dg.Config):
    """Decisions about quarantined records, applied before the releases are loaded."""

    fix: dict[str, dict[str, str]] = Field(
        default={}, description="Corrections: record number → field → text"
    )
    discard: dict[str, str] = Field(
        default={}, description="Records to discard: record number → reason"
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            key_of(table),
            deps=[RESULT_PAGES],
            group_name=GROUP,
            kinds={"lxml", "polars", "postgres"},
            description=table.model.__doc__,
            metadata=table_definition(table),
            skippable=True,
        )
        for table in LOADED_TABLES
    ],
    check_specs=PAGE_CHECKS,
    name="parsed_pages",
    partitions_def=release_partitions,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
)
def parsed_pages(
    context: dg.AssetExecutionContext,
    config: LoadConfig,
    development: Development,
    lake: Lake,
    frames: SharedFrames,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Parse every page of a release once, and make five tables equal to what the pages say."""
    archive = lake.archive()
    loads: list[LoadResult] = []
    versions: Mapping[Table, dg.DataVersion] = {}
    for release in context.partition_keys:
        with recorded_stage(context, development, "clean.pages", release) as stage:
            if not loads:
                apply_decisions(stage.connection, config.fix, config.discard)
            load = load_release(stage.connection, archive, release, stage.run_id)
            stage.record.rows_in = load.pages
            stage.record.rows_written, stage.record.rows_changed = load.rows, load.changed
            stage.record.rows_quarantined = load.quarantined.open
            versions = {
                table: dg.DataVersion(content_version(stage.connection, table, release))
                for table in LOADED_TABLES
                # Its rows have no version, and nothing is computed from it.
                if table is not QUARANTINE
            }
            loads.append(load)
    for table in LOADED_TABLES:
        frames.drop(table)
        if key_of(table) in context.selected_asset_keys:
            yield dg.MaterializeResult(
                asset_key=key_of(table),
                metadata=_metadata(table, loads),
                # The events of a range share one data version, which would be that of no release.
                data_version=versions.get(table) if len(loads) == 1 else None,
            )
    with explained_failure(), development.connected("check pages") as connection:
        for key, result in page_check_results(connection, loads):
            if key in context.selected_asset_check_keys:
                yield result


def _metadata(table: Table, loads: Sequence[LoadResult]) -> dict[str, Any]:
    if table is QUARANTINE:
        return {
            "open": sum(load.quarantined.open for load in loads),
            "new": sum(load.quarantined.new for load in loads),
            "resolved": sum(load.quarantined.resolved for load in loads),
        }
    changes = [load.changes[table.qualified_name] for load in loads]
    if table is NO_RESULTS:
        return _changed_rows(changes)
    accounts = sum_accounts(load.accounting for load in loads)
    counts = accounts.row(by_predicate=pl.col("table_name") == table.name, named=True)
    return {
        **_changed_rows(changes),
        **{name: counts[name] for name in ("found", "collapsed", "quarantined")},
    }


def _changed_rows(changes: Sequence[MergeResult]) -> dict[str, int]:
    return {
        "rows of these releases": sum(change.rows for change in changes),
        "rows written": sum(change.written for change in changes),
        "rows removed": sum(change.removed for change in changes),
    }


@dg.asset(
    key=key_of(STUDENTS),
    deps=[key_of(table) for table in STUDENT_INPUTS],
    group_name=GROUP,
    kinds={"polars", "postgres"},
    metadata=table_definition(STUDENTS),
)
def students(
    context: dg.AssetExecutionContext, development: Development, frames: SharedFrames
) -> dg.MaterializeResult[None]:
    """A student: the latest appearance in release order.

    A student stays for as long as any appearance remains.
    """
    return materialize_table(
        context,
        development,
        frames,
        STUDENTS,
        STUDENT_INPUTS,
        compute_students,
        counted=[APPEARANCES],
    )
