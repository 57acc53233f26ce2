"""Writing a computed table: only if it fits its model, and together with its inputs."""

import polars as pl
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.orchestration.resources import SharedFrames
from ouspark_assets.pipeline.compute import merge_computed
from ouspark_assets.schemas.analytics import SEMESTER_GPAS
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.records.computed_from import current_version, find_outdated
from ouspark_assets_tests.support.factories import TICKET, marks

TABLES = (MARKS, SEMESTER_GPAS)


def load(development: Connection, grade: str) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [marks({"grade": grade})])


def compute(development: Connection, frames: SharedFrames, sgpa: float) -> None:
    frames.read(development, MARKS)
    row = {
        "hall_ticket": TICKET, "semester": 1, "credits": 4.0, "sgpa": sgpa, "sgpa_printed": None,
        "state": "finished",
    }  # fmt: skip
    rows = SEMESTER_GPAS.conform(pl.DataFrame([row], schema=SEMESTER_GPAS.dtypes))
    merge_computed(development, frames, SEMESTER_GPAS, rows, inputs=(MARKS,), run_id="compute")


def test_a_computed_table_is_outdated_as_soon_as_an_input_changes(development: Connection) -> None:
    load(development, "A")
    compute(development, SharedFrames(), 9.0)
    assert find_outdated(development, TABLES) == []
    load(development, "B")
    (outdated,) = find_outdated(development, TABLES)
    assert (outdated.table, outdated.input) == ("analytics.semester_gpas", "clean.marks")


def test_a_table_computed_from_a_frame_that_was_read_earlier_is_outdated(
    development: Connection,
) -> None:
    frames = SharedFrames()
    load(development, "A")
    frames.read(development, MARKS)
    load(development, "B")
    compute(development, frames, 9.0)
    assert [table.table for table in find_outdated(development, TABLES)] == [
        "analytics.semester_gpas"
    ]


def test_a_table_that_does_not_fit_its_model_is_not_written(development: Connection) -> None:
    load(development, "A")
    before = current_version(development)
    with pytest.raises(WarehouseError, match=r"analytics\.semester_gpas was not written.*sgpa"):
        compute(development, SharedFrames(), 11.0)
    assert read_table(development, SEMESTER_GPAS).is_empty()
    assert current_version(development) == before
