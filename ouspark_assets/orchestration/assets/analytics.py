"""The aggregates as assets: each reads what it depends on, computes, validates, merges.

Which aggregates there are is `assets/aggregates.py`; what a materialization shows of one is said
here. Rows of students are never shown.
"""

from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.analytics.options import Award, Options
from ouspark_assets.orchestration.assets.column_lineage import column_lineage
from ouspark_assets.orchestration.assets.stage import Work, stage
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import change_counts, row_count, table_definition
from ouspark_assets.orchestration.resources import Development, Environment, SharedFrames
from ouspark_assets.pipeline.aggregates import AGGREGATES, Aggregate
from ouspark_assets.reports.plots import as_markdown
from ouspark_assets.schemas.validation import require_valid
from ouspark_assets.settings import AnalyticsSettings
from ouspark_assets.warehouse.core.writing import Change, writing
from ouspark_assets.warehouse.records.computed_from import remember_inputs

GROUP = "analytics"
ROWS_SHOWN = 20


def aggregate_asset(aggregate: Aggregate) -> dg.AssetsDefinition:
    """The asset of an aggregate."""

    @dg.asset(
        key=key_of(aggregate.table),
        deps=[key_of(table) for table in aggregate.reads],
        group_name=GROUP,
        kinds={"polars", "postgres"},
        description=aggregate.table.model.__doc__,
        metadata=table_definition(aggregate.table),
    )
    def computed(
        context: dg.AssetExecutionContext,
        development: Development,
        environment: Environment,
        frames: SharedFrames,
    ) -> dg.MaterializeResult[None]:
        with stage(context, development, aggregate.name) as work:
            change = materialize(aggregate, work, frames, environment.settings.analytics)
            shown = _shown(aggregate, frames.read(work.connection, aggregate.table))
            work.record.rows_written = change.rows
            work.record.rows_changed = change.changed
        return dg.MaterializeResult(
            metadata=row_count(change.rows)
            | change_counts(change.written, change.removed)
            | {"dagster/column_lineage": column_lineage(aggregate)}
            | shown
        )

    return computed


def materialize(
    aggregate: Aggregate, work: Work, frames: SharedFrames, settings: AnalyticsSettings
) -> Change:
    """Read, compute, validate, merge; the result is kept for the aggregates after."""
    read = {table.name: frames.read(work.connection, table) for table in aggregate.reads}
    work.record.rows_in = sum(frame.height for frame in read.values())
    result = aggregate.compute(read, options_from(settings))
    require_valid(aggregate.table, result)
    with writing(work.connection, work.run_id) as writer:
        change = writer.merge(aggregate.table, [result])
        remember_inputs(writer, aggregate.table, frames.versions(aggregate.reads))
    frames.keep(aggregate.table, result, writer.version)
    return change


def options_from(settings: AnalyticsSettings) -> Options:
    """What the settings choose about the numbers."""
    return Options(
        min_ranked=settings.rank_least_students,
        section_size=settings.section_size,
        awards=tuple(Award(name, min_cgpa) for name, min_cgpa in settings.award_limits),
        percentage_factor=settings.percentage_factor,
        percentage_offset=settings.percentage_offset,
    )


def _shown(aggregate: Aggregate, frame: pl.DataFrame) -> dict[str, dg.MetadataValue[Any]]:
    """The first rows, where they are not of students, and the plot."""
    shown: dict[str, dg.MetadataValue[Any]] = {}
    if aggregate.preview and frame.height:
        rows = frame.select(aggregate.preview).head(ROWS_SHOWN).iter_rows(named=True)
        shown["first rows"] = dg.MetadataValue.table([dg.TableRecord(row) for row in rows])
    if aggregate.plot is not None and frame.height:
        shown["plot"] = dg.MetadataValue.md(as_markdown(aggregate.plot(frame)))
    return shown


aggregates = [aggregate_asset(aggregate) for aggregate in AGGREGATES]
