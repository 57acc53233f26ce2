"""An aggregate that was computed before its inputs changed is found and not published."""

import polars as pl
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.analytics import STANDINGS
from ouspark_assets.schemas.clean import MARKS, RESULTS
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.records.computed_from import (
    Outdated,
    current_version,
    find_outdated,
    refuse_outdated,
    store_inputs,
)
from ouspark_assets_tests.support.factories import marks as make_marks
from ouspark_assets_tests.support.factories import results

TABLES = (MARKS, STANDINGS)


def marks(subjects: int) -> pl.DataFrame:
    return make_marks(*({"subject_code": str(100 + number)} for number in range(subjects)))


def load(connection: Connection, run: str, frame: pl.DataFrame) -> None:
    with write_transaction(connection, run) as writer:
        writer.merge(MARKS, [frame])


def compute(connection: Connection, version: int) -> None:
    with write_transaction(connection, "computing") as writer:
        store_inputs(writer, STANDINGS, {MARKS.qualified_name: version})


def test_the_error_for_an_outdated_table_names_the_run_that_changed_its_inputs(
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


def test_a_recomputed_table_is_no_longer_outdated(development: Connection) -> None:
    load(development, "first run", marks(2))
    compute(development, 0)
    assert find_outdated(development, TABLES)
    compute(development, current_version(development))
    refuse_outdated(development, TABLES)


def test_a_table_is_outdated_when_any_of_its_inputs_changes(development: Connection) -> None:
    load(development, "first run", marks(2))
    now = current_version(development)
    with write_transaction(development, "computing") as writer:
        inputs = dict.fromkeys((MARKS.qualified_name, RESULTS.qualified_name), now)
        store_inputs(writer, STANDINGS, inputs)
    tables = (MARKS, RESULTS, STANDINGS)
    assert find_outdated(development, tables) == []
    with write_transaction(development, "another run") as writer:
        writer.merge(RESULTS, [results({})])
    outdated = Outdated("analytics.standings", "clean.results", "another run")
    assert find_outdated(development, tables) == [outdated]


def test_a_load_without_changes_makes_no_table_outdated(development: Connection) -> None:
    load(development, "first run", marks(2))
    compute(development, current_version(development))
    load(development, "the same again", marks(2))
    assert find_outdated(development, TABLES) == []


def test_only_the_given_tables_are_checked(development: Connection) -> None:
    load(development, "first run", marks(2))
    compute(development, 0)
    assert find_outdated(development, [MARKS]) == []
