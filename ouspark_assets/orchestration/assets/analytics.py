"""The aggregates as assets, and what a materialization shows of each.

Which aggregates there are is in `pipeline/aggregates.py`. Rows of students are never shown.
"""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.assets.column_lineage import build_column_lineage
from ouspark_assets.orchestration.assets.recorded_stage import materialize_table
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import show_first_rows, table_definition
from ouspark_assets.orchestration.resources import Development, Environment, SharedFrames
from ouspark_assets.pipeline.aggregates import AGGREGATES, Aggregate
from ouspark_assets.pipeline.compute import options_from_settings
from ouspark_assets.reports import plots
from ouspark_assets.schemas import analytics as tables
from ouspark_assets.schemas.table import Table

GROUP = "analytics"
MAX_ROWS_SHOWN = 20
# The tables of which the first rows are shown, without the column `toppers`, which names students.
TABLES_SHOWN = (
    tables.COLLEGE_STATS,
    tables.DEPARTMENT_STATS,
    tables.COLLEGE_RANKINGS,
    tables.DEPARTMENT_RANKINGS,
    tables.DEMOGRAPHICS,
    tables.SEMESTER_STATS,
    tables.SUBJECT_STATS,
)
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
        return materialize_table(
            context,
            development,
            frames,
            table,
            aggregate.reads,
            lambda inputs: aggregate.compute(
                inputs, options_from_settings(environment.settings.analytics)
            ),
            counted=aggregate.reads,
            describe=lambda rows: {
                "dagster/column_lineage": build_column_lineage(aggregate),
                **_rows_and_plot(table, rows),
            },
        )

    return computed


def _rows_and_plot(table: Table, rows: pl.DataFrame) -> dict[str, dg.MetadataValue[Any]]:
    """Return the first rows of a table, unless they are of students, and its plot."""
    shown: dict[str, dg.MetadataValue[Any]] = {}
    if rows.is_empty():
        return shown
    if table in TABLES_SHOWN:
        columns = [name for name in table.columns if name != "toppers"]
        shown["first rows"] = show_first_rows(rows.select(columns), MAX_ROWS_SHOWN)
    if plot := PLOTS.get(table):
        shown["plot"] = dg.MetadataValue.md(plots.as_markdown(plot(rows)))
    return shown


aggregates = [build_aggregate_asset(aggregate) for aggregate in AGGREGATES]
