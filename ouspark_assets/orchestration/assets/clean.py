"""Pages become rows: one parse per release fills four tables, and students follow from them.

How a release is loaded is `loading.py` beside; how a page is read is `pages/`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from ouspark_assets.orchestration.assets.stage import stage
from ouspark_assets.orchestration.checks.pages import PAGE_CHECKS, page_check_results
from ouspark_assets.orchestration.keys import RESULT_PAGES, key_of
from ouspark_assets.orchestration.metadata import change_counts, row_count, table_definition
from ouspark_assets.orchestration.partitions import release_partitions
from ouspark_assets.orchestration.resources import Development, Lake, SharedFrames
from ouspark_assets.pages.students import latest_appearances
from ouspark_assets.pipeline.load import (
    PARSED_TABLES,
    Loaded,
    carry_out,
    load_release,
    summed,
)
from ouspark_assets.schemas.clean import APPEARANCES, QUARANTINE, STUDENTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import require_valid
from ouspark_assets.warehouse.core.writing import writing
from ouspark_assets.warehouse.records.computed_from import remember_inputs

GROUP = "clean"
TABLES_OF_A_LOAD = (*PARSED_TABLES, QUARANTINE)


class LoadConfig(dg.Config):
    """Decisions about quarantined records of these releases, carried out before they are loaded."""

    fix: dict[str, dict[str, str]] = Field(
        default={}, description="Corrections by hand: record number → field → text"
    )
    discard: dict[str, str] = Field(
        default={}, description="Records to put aside for good: record number → why"
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
        for table in TABLES_OF_A_LOAD
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
    """Read every page of a release once, and bring four tables to what the pages say."""
    archive = lake.archive()
    loads: list[Loaded] = []
    for release in context.partition_keys:
        with stage(context, development, "clean.pages", release) as work:
            if not loads:
                carry_out(work.connection, config.fix, config.discard)
            loaded = load_release(work.connection, archive, release, context.run.run_id)
            work.record.rows_in = loaded.pages
            work.record.rows_written, work.record.rows_changed = loaded.rows, loaded.changed
            work.record.rows_quarantined = loaded.quarantined.open
            loads.append(loaded)
    for table in TABLES_OF_A_LOAD:
        frames.drop(table)
        if key_of(table) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key_of(table), metadata=_metadata(table, loads))
    with development.connected("check pages") as connection:
        for key, result in page_check_results(connection, loads):
            if key in context.selected_asset_check_keys:
                yield result


def _metadata(table: Table, loads: Sequence[Loaded]) -> dict[str, Any]:
    if table is QUARANTINE:
        return {
            "open": sum(load.quarantined.open for load in loads),
            "new": sum(load.quarantined.new for load in loads),
            "resolved": sum(load.quarantined.resolved for load in loads),
        }
    changes = [load.changes[table.qualified_name] for load in loads]
    accounts = summed(load.accounting for load in loads)
    counts = accounts.row(by_predicate=pl.col("table_name") == table.name, named=True)
    return (
        {"rows of these releases": sum(change.rows for change in changes)}
        | change_counts(
            sum(change.written for change in changes), sum(change.removed for change in changes)
        )
        | {name: counts[name] for name in ("found", "collapsed", "quarantined")}
    )


@dg.asset(
    key=key_of(STUDENTS),
    deps=[key_of(APPEARANCES), key_of(RELEASE_INDEX)],
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
    with stage(context, development, STUDENTS.qualified_name) as work:
        appearances = frames.read(work.connection, APPEARANCES)
        result = latest_appearances(appearances, frames.read(work.connection, RELEASE_INDEX))
        require_valid(STUDENTS, result)
        with writing(work.connection, context.run.run_id) as writer:
            change = writer.merge(STUDENTS, [result])
            remember_inputs(writer, STUDENTS, frames.versions([APPEARANCES, RELEASE_INDEX]))
        frames.keep(STUDENTS, result, writer.version)
        work.record.rows_in = appearances.height
        work.record.rows_written, work.record.rows_changed = change.rows, change.changed
    return dg.MaterializeResult(
        metadata=row_count(result.height) | change_counts(change.written, change.removed)
    )
