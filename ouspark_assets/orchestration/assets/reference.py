"""Colleges, branches and subjects: the reference files, and codes that only the pages show.

How unknown codes become rows is in `sources/reference_files/`.
"""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.assets.clean import GROUP
from ouspark_assets.orchestration.assets.recorded_stage import recorded_stage
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import change_counts, row_count, table_definition
from ouspark_assets.orchestration.resources import Development, SharedFrames
from ouspark_assets.pipeline.compute import (
    SUBJECT_INPUTS,
    compute_branches,
    compute_colleges,
    compute_subjects,
    merge_computed,
    read_inputs,
)
from ouspark_assets.schemas.clean import STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.table import Table

KINDS = {"csv", "polars", "postgres"}


@dg.asset(
    key=key_of(COLLEGES),
    deps=[key_of(STUDENTS)],
    group_name=GROUP,
    kinds=KINDS,
    metadata=table_definition(COLLEGES),
)
def known_colleges(
    context: dg.AssetExecutionContext, development: Development, frames: SharedFrames
) -> dg.MaterializeResult[None]:
    """A college, by the first four digits of a hall ticket.

    A code that hall tickets show and the file lacks becomes a row marked `inferred`.
    """
    return _materialize(context, development, frames, COLLEGES, [STUDENTS], compute_colleges)


@dg.asset(
    key=key_of(BRANCHES),
    deps=[key_of(STUDENTS)],
    group_name=GROUP,
    kinds=KINDS,
    metadata=table_definition(BRANCHES),
)
def known_branches(
    context: dg.AssetExecutionContext, development: Development, frames: SharedFrames
) -> dg.MaterializeResult[None]:
    """A branch, by digits seven to nine of a hall ticket.

    A code that hall tickets show and the file lacks becomes a row marked `inferred`.
    """
    return _materialize(context, development, frames, BRANCHES, [STUDENTS], compute_branches)


@dg.asset(
    key=key_of(SUBJECTS),
    deps=[key_of(table) for table in SUBJECT_INPUTS],
    group_name=GROUP,
    kinds=KINDS,
    metadata=table_definition(SUBJECTS),
)
def known_subjects(
    context: dg.AssetExecutionContext, development: Development, frames: SharedFrames
) -> dg.MaterializeResult[None]:
    """A subject, by its code, with its usual name, credits and semester.

    What the file lacks is taken from the pages: the most frequent value, of equals the latest.
    """
    return _materialize(context, development, frames, SUBJECTS, SUBJECT_INPUTS, compute_subjects)


def _materialize(
    context: dg.AssetExecutionContext,
    development: Development,
    frames: SharedFrames,
    table: Table,
    reads: Sequence[Table],
    compute: Callable[[Mapping[str, pl.DataFrame]], pl.DataFrame],
) -> dg.MaterializeResult[None]:
    with recorded_stage(context, development, table.qualified_name) as stage:
        rows = compute(read_inputs(stage.connection, frames, reads))
        change = merge_computed(
            stage.connection, frames, table, rows, inputs=reads, run_id=stage.run_id
        )
        stage.record.rows_written, stage.record.rows_changed = change.rows, change.changed
    return dg.MaterializeResult(
        metadata=row_count(change.rows)
        | change_counts(change.written, change.removed)
        | {"inferred": rows.filter("inferred").height}
    )
