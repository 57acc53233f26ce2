"""Compute tables from other tables: read the inputs, compute, validate, merge.

Which aggregates there are is in `aggregates.py`; students and the reference tables, which every
aggregate builds on, are computed here. How numbers are computed is in `analytics/`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import polars as pl

from ouspark_assets.analytics.options import Award, Options
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.pages.appearances import select_latest_appearances
from ouspark_assets.schemas.clean import APPEARANCES, MARKS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.schemas.validation import require_valid
from ouspark_assets.settings import AnalyticsSettings
from ouspark_assets.sources.equivalent_codes import add_equivalent_codes, read_equivalent_codes
from ouspark_assets.sources.reference_files import (
    add_inferred_codes,
    add_inferred_subjects,
    read_branches,
    read_colleges,
    read_subjects,
)
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import MergeResult, write_transaction
from ouspark_assets.warehouse.records.computed_from import store_inputs

STUDENT_INPUTS = (APPEARANCES, RELEASE_INDEX)
SUBJECT_INPUTS = (MARKS, RELEASE_INDEX)


class TableFrames(Protocol):
    """Tables as frames, each read once, with the version of the database they belong to."""

    def read(self, connection: Connection, table: Table) -> pl.DataFrame:
        """Return all rows of a table."""

    def keep(self, table: Table, frame: pl.DataFrame, version: int) -> None:
        """Keep what was just written to a table, and the version of that write."""

    def versions(self, tables: Iterable[Table]) -> dict[str, int]:
        """Return the version of each of these frames, by table."""


def compute_students(inputs: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return `clean.students`: the latest appearance of each student."""
    return select_latest_appearances(inputs["appearances"], inputs["release_index"])


def compute_colleges(inputs: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the colleges of the reference file, and those that only hall tickets show."""
    return add_inferred_codes(COLLEGES, read_colleges(), inputs["students"]["college_code"])


def compute_branches(inputs: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the branches of the reference file, and those that only hall tickets show."""
    return add_inferred_codes(BRANCHES, read_branches(), inputs["students"]["branch_code"])


def compute_subjects(
    inputs: Mapping[str, pl.DataFrame], settings: AnalyticsSettings
) -> pl.DataFrame:
    """Return the subjects of the reference file, completed by what the marks say.

    With the codes that count as a newer one, by the files of equivalent codes.
    """
    order = in_release_order(inputs["release_index"])["release"]
    subjects = add_inferred_subjects(read_subjects(), inputs["marks"], order.to_list())
    return add_equivalent_codes(subjects, read_equivalent_codes(settings.equivalent_codes))


def options_from_settings(settings: AnalyticsSettings) -> Options:
    """Return the options of the aggregates."""
    return Options(
        min_ranked=settings.rank_least_students,
        section_size=settings.section_size,
        awards=tuple(Award(name, min_cgpa) for name, min_cgpa in settings.award_limits),
        percentage_factor=settings.percentage_factor,
        percentage_offset=settings.percentage_offset,
    )


def merge_computed(
    connection: Connection,
    frames: TableFrames,
    table: Table,
    rows: pl.DataFrame,
    *,
    inputs: Sequence[Table],
    run_id: str,
) -> MergeResult:
    """Validate the rows of a computed table, merge them, and record the versions of its inputs.

    The rows are kept in `frames` for the tables that are computed from this one.
    """
    require_valid(table, rows)
    with write_transaction(connection, run_id) as writer:
        change = writer.merge(table, [rows])
        store_inputs(writer, table, frames.versions(inputs))
    frames.keep(table, rows, writer.version)
    return change
