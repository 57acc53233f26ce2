"""Colleges, branches and subjects: the reference files, and codes that only the pages show.

How unknown codes become rows is in `sources/reference_files/`.
"""

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.assets.clean import GROUP
from ouspark_assets.orchestration.assets.recorded_stage import materialize_table
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import table_definition
from ouspark_assets.orchestration.resources import Development, SharedFrames
from ouspark_assets.pipeline.compute import (
    SUBJECT_INPUTS,
    compute_branches,
    compute_colleges,
    compute_subjects,
)
from ouspark_assets.schemas.clean import STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS

KINDS = {"csv", "polars", "postgres"}


def _inferred(rows: pl.DataFrame) -> dict[str, int]:
    return {"inferred": rows.filter("inferred").height}


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
    return materialize_table(
        context, development, frames, COLLEGES, [STUDENTS], compute_colleges, describe=_inferred
    )


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
    return materialize_table(
        context, development, frames, BRANCHES, [STUDENTS], compute_branches, describe=_inferred
    )


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
    return materialize_table(
        context, development, frames, SUBJECTS, SUBJECT_INPUTS, compute_subjects, describe=_inferred
    )
