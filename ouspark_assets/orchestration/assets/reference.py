"""Colleges, branches and subjects: the repository's files, and what pages taught beyond them.

The files and how unknown codes become rows are in `reference/`.
"""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.orchestration.assets.clean import GROUP
from ouspark_assets.orchestration.assets.stage import Work, stage
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import change_counts, row_count, table_definition
from ouspark_assets.orchestration.resources import Development, SharedFrames
from ouspark_assets.schemas.clean import MARKS, STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import require_valid
from ouspark_assets.sources.reference_files import (
    add_inferred_codes,
    add_inferred_subjects,
    read_branches,
    read_colleges,
    read_subjects,
)
from ouspark_assets.warehouse.core.writing import writing
from ouspark_assets.warehouse.records.computed_from import remember_inputs

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

    A code that tickets show and the file lacks becomes a row marked inferred.
    """
    with stage(context, development, COLLEGES.qualified_name) as work:
        seen = frames.read(work.connection, STUDENTS)["college_code"]
        found = add_inferred_codes(COLLEGES, read_colleges(), seen)
        return _written(work, frames, COLLEGES, found, [STUDENTS])


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

    A code that tickets show and the file lacks becomes a row marked inferred.
    """
    with stage(context, development, BRANCHES.qualified_name) as work:
        seen = frames.read(work.connection, STUDENTS)["branch_code"]
        found = add_inferred_codes(BRANCHES, read_branches(), seen)
        return _written(work, frames, BRANCHES, found, [STUDENTS])


@dg.asset(
    key=key_of(SUBJECTS),
    deps=[key_of(MARKS), key_of(RELEASE_INDEX)],
    group_name=GROUP,
    kinds=KINDS,
    metadata=table_definition(SUBJECTS),
)
def known_subjects(
    context: dg.AssetExecutionContext, development: Development, frames: SharedFrames
) -> dg.MaterializeResult[None]:
    """A subject, by its code; names, credits and semesters as they usually are.

    What the file does not say is learnt from the pages: what most rows say, the latest of equals.
    """
    with stage(context, development, SUBJECTS.qualified_name) as work:
        marks = frames.read(work.connection, MARKS)
        order = in_release_order(frames.read(work.connection, RELEASE_INDEX))["release"]
        learnt = add_inferred_subjects(read_subjects(), marks, order.to_list())
        return _written(work, frames, SUBJECTS, learnt, [MARKS, RELEASE_INDEX])


def _written(
    work: Work,
    frames: SharedFrames,
    table: Table,
    rows: pl.DataFrame,
    inputs: Sequence[Table],
) -> dg.MaterializeResult[None]:
    require_valid(table, rows)
    with writing(work.connection, work.run_id) as writer:
        change = writer.merge(table, [rows])
        remember_inputs(writer, table, frames.versions(inputs))
    frames.keep(table, rows, writer.version)
    work.record.rows_written, work.record.rows_changed = change.rows, change.changed
    return dg.MaterializeResult(
        metadata=row_count(rows.height)
        | change_counts(change.written, change.removed)
        | {"inferred": rows.filter("inferred").height}
    )
