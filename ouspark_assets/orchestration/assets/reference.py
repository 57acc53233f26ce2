"""Colleges, branches and subjects: the reference files, and codes that only the pages show.

How unknown codes become rows is in `sources/reference_files/`.
"""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import polars as pl

from ouspark_assets.orchestration.assets.clean import GROUP
from ouspark_assets.orchestration.assets.recorded_stage import materialize_table
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.metadata import table_definition
from ouspark_assets.orchestration.resources import Development, Environment, SharedFrames
from ouspark_assets.pipeline.compute import (
    SUBJECT_INPUTS,
    compute_branches,
    compute_colleges,
    compute_subjects,
)
from ouspark_assets.schemas.clean import STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.table import Table
from ouspark_assets.settings import AnalyticsSettings

INFERRED = "A code that hall tickets show and the file lacks becomes a row marked `inferred`."


def build_reference_asset(
    table: Table,
    reads: Sequence[Table],
    compute: Callable[[Mapping[str, pl.DataFrame], AnalyticsSettings], pl.DataFrame],
    description: str,
) -> dg.AssetsDefinition:
    """Return the asset of a reference table."""

    @dg.asset(
        key=key_of(table),
        deps=[key_of(read) for read in reads],
        group_name=GROUP,
        kinds={"csv", "polars", "postgres"},
        description=description,
        metadata=table_definition(table),
    )
    def known(
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
            reads,
            lambda inputs: compute(inputs, environment.settings.analytics),
            describe=lambda rows: {"inferred": rows.filter("inferred").height},
        )

    return known


known_colleges = build_reference_asset(
    COLLEGES,
    [STUDENTS],
    lambda inputs, _settings: compute_colleges(inputs),
    f"A college, by the first four digits of a hall ticket.\n\n{INFERRED}",
)
known_branches = build_reference_asset(
    BRANCHES,
    [STUDENTS],
    lambda inputs, _settings: compute_branches(inputs),
    f"A branch, by digits seven to nine of a hall ticket.\n\n{INFERRED}",
)
known_subjects = build_reference_asset(
    SUBJECTS,
    SUBJECT_INPUTS,
    compute_subjects,
    "A subject, by its code, with its usual name, credits and semester, and the newer code that it "
    "counts as.\n\n"
    "What the file lacks is taken from the pages: the most frequent value, of equals the latest. "
    "Equivalent codes are read from files.",
)
