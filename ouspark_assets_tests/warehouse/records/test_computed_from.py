"""Tables of different states are never published together."""

import polars as pl
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.analytics import STANDINGS
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.records.computed_from import (
    current_version,
    find_outdated,
    refuse_outdated,
    store_inputs,
)
from ouspark_assets_tests.support.factories import marks as rows_of_marks

TABLES = (MARKS, STANDINGS)


def marks(subjects: int) -> pl.DataFrame:
    return rows_of_marks(*({"subject_code": str(100 + number)} for number in range(subjects)))


def load(connection: Connection, run: str, frame: pl.DataFrame) -> None:
    with write_transaction(connection, run) as writer:
        writer.merge(MARKS, [frame])


def compute(connection: Connection, version: int) -> None:
    with write_transaction(connection, "computing") as writer:
        store_inputs(writer, STANDINGS, {MARKS.qualified_name: version})


def test_a_table_whose_inputs_changed_since_is_outdated_and_says_which_run_did_it(
    development: Connection,
) -> None:
    load(development, "first run", marks(2))
    compute(development, current_version(development))
    assert find_outdated(development, TABLES) == []
    load(development, "another run", marks(3))
    with pytest.raises(WarehouseError, match=r"another.* changed clean\.marks") as refused:
        refuse_outdated(development, TABLES)
    assert "analytics.standings was computed before" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_computing_again_from_the_newest_state_mends_it(development: Connection) -> None:
    load(development, "first run", marks(2))
    compute(development, 0)
    assert find_outdated(development, TABLES)
    compute(development, current_version(development))
    refuse_outdated(development, TABLES)


def test_a_load_that_changes_nothing_makes_nothing_outdated(development: Connection) -> None:
    load(development, "first run", marks(2))
    compute(development, current_version(development))
    load(development, "the same again", marks(2))
    assert find_outdated(development, TABLES) == []


def test_only_the_tables_that_are_asked_for_count(development: Connection) -> None:
    load(development, "first run", marks(2))
    compute(development, 0)
    assert find_outdated(development, [MARKS]) == []
