"""The aggregates as assets, and what a materialization shows of each.

Which aggregates there are is in `pipeline/aggregates.py`. Rows of students are never shown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.assets.column_lineage import build_column_lineage
from ouspark_assets.orchestration.assets.recorded_stage import recorded_stage
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import change_counts, row_count, table_definition
from ouspark_assets.orchestration.resources import Development, Environment, SharedFrames
from ouspark_assets.pipeline.aggregates import AGGREGATES, Aggregate
from ouspark_assets.pipeline.compute import merge_computed, options_from_settings, read_inputs
from ouspark_assets.reports import plots
from ouspark_assets.schemas import analytics as tables
from ouspark_assets.schemas.table import Table

GROUP = "analytics"
MAX_ROWS_SHOWN = 20
# The columns of which the first rows are shown. Toppers are students.
SHOWN_COLUMNS: Mapping[Table, Sequence[str]] = {
    tables.COLLEGE_STATS: [name for name in tables.COLLEGE_STATS.columns if name != "toppers"],
    tables.DEPARTMENT_STATS: [
        name for name in tables.DEPARTMENT_STATS.columns if name != "toppers"
    ],
    tables.COLLEGE_RANKINGS: tables.COLLEGE_RANKINGS.columns,
    tables.DEPARTMENT_RANKINGS: tables.DEPARTMENT_RANKINGS.columns,
    tables.DEMOGRAPHICS: tables.DEMOGRAPHICS.columns,
    tables.SEMESTER_STATS: tables.SEMESTER_STATS.columns,
    tables.SUBJECT_STATS: tables.SUBJECT_STATS.columns,
}
PLOTS: Mapping[Table, Callable[[pl.DataFrame], str]] = {
    tables.STUDENT_CGPAS: plots.distribution_of_cgpas,
    tables.COLLEGE_STATS: plots.pass_percent_of_colleges,
    tables.DEPARTMENT_STATS: plots.comparison_of_departments,
    tables.DEMOGRAPHICS: plots.gender_ratio,
    tables.SUBJECT_STATS: plots.pass_percent_of_subjects,
}


def build_aggregate_asset(aggregate: Aggregate) -> dg.AssetsDefinition:
    """Return the asset of an aggregate."""
    table = aggregate.table

    @dg.asset(
        key=key_of(table),
        deps=[key_of(read) for read in aggregate.reads],
        group_name=GROUP,
        kinds={"polars", "postgres"},
        description=table.model.__doc__,
        metadata=table_definition(table),
    )
    def computed(
        context: dg.AssetExecutionContext,
        development: Development,
        environment: Environment,
        frames: SharedFrames,
    ) -> dg.MaterializeResult[None]:
        with recorded_stage(context, development, table.qualified_name) as stage:
            inputs = read_inputs(stage.connection, frames, aggregate.reads)
            stage.record.rows_in = sum(frame.height for frame in inputs.values())
            options = options_from_settings(environment.settings.analytics)
            rows = aggregate.compute(inputs, options)
            change = merge_computed(
                stage.connection,
                frames,
                table,
                rows,
                inputs=aggregate.reads,
                run_id=stage.run_id,
            )
            shown = _rows_and_plot(table, rows)
            stage.record.rows_written, stage.record.rows_changed = change.rows, change.changed
        return dg.MaterializeResult(
            metadata=row_count(change.rows)
            | change_counts(change.written, change.removed)
            | {"dagster/column_lineage": build_column_lineage(aggregate)}
            | shown
        )

    return computed


def _rows_and_plot(table: Table, rows: pl.DataFrame) -> dict[str, dg.MetadataValue[Any]]:
    """Return the first rows of a table, unless they are of students, and its plot."""
    shown: dict[str, dg.MetadataValue[Any]] = {}
    if rows.is_empty():
        return shown
    if columns := SHOWN_COLUMNS.get(table):
        first_rows = rows.select(columns).head(MAX_ROWS_SHOWN).iter_rows(named=True)
        shown["first rows"] = dg.MetadataValue.table([dg.TableRecord(row) for row in first_rows])
    if plot := PLOTS.get(table):
        shown["plot"] = dg.MetadataValue.md(plots.as_markdown(plot(rows)))
    return shown


aggregates = [build_aggregate_asset(aggregate) for aggregate in AGGREGATES]
