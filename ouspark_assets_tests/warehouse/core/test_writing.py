import threading
from typing import Any

import polars as pl
import psycopg
import pytest

from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import read_releases, read_table
from ouspark_assets.warehouse.core.writing import MergeResult, write_transaction
from ouspark_assets_tests.support.factories import marks, releases
from ouspark_assets_tests.support.stores import Databases

RELEASE = {"release": "20250402"}
THREE = marks({"subject_code": "101"}, {"subject_code": "102"}, {"subject_code": "103"})


def load(connection: Connection, frame: pl.DataFrame, run: str = "run") -> MergeResult:
    with write_transaction(connection, run) as writer:
        return writer.merge(MARKS, [frame], RELEASE)


def bookkeeping(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT subject_code, run_id, version FROM clean.marks ORDER BY subject_code"
    ).fetchall()


def test_a_first_load_writes_every_row(development: Connection) -> None:
    assert load(development, THREE) == MergeResult(rows=3, written=3, removed=0)
    assert read_table(development, MARKS).sort("subject_code").equals(THREE)


def test_the_same_rows_again_write_nothing_and_keep_run_and_version(
    development: Connection,
) -> None:
    load(development, THREE, "first")
    before = bookkeeping(development)
    assert load(development, THREE, "second") == MergeResult(rows=3, written=0, removed=0)
    assert bookkeeping(development) == before


def test_only_the_row_that_differs_gets_a_new_run_and_version(development: Connection) -> None:
    load(development, THREE, "first")
    better = marks({"subject_code": "101", "grade": "S", "points": 10}, *RELEASE_ROWS[1:])
    assert load(development, better, "second") == MergeResult(rows=3, written=1, removed=0)
    assert [row[1] for row in bookkeeping(development)] == ["second", "first", "first"]


def test_another_page_with_the_same_content_is_no_change(development: Connection) -> None:
    load(development, THREE)
    refetched = THREE.with_columns(pl.lit("1" * 64).alias("sha256"))
    assert load(development, refetched).changed == 0


def test_a_row_that_is_not_there_any_more_is_removed_and_leaves_a_tombstone(
    development: Connection,
) -> None:
    load(development, THREE)
    assert load(development, THREE.head(2)) == MergeResult(rows=2, written=0, removed=1)
    (tombstone,) = development.execute("SELECT table_name, key FROM ops.tombstones").fetchall()
    assert tombstone == (
        "clean.marks",
        {"release": "20250402", "hall_ticket": "160499733001", "subject_code": "103"},
    )


def test_rows_outside_the_scope_are_left_alone(development: Connection) -> None:
    load(development, THREE)
    other = THREE.with_columns(pl.lit("20250403").alias("release"))
    with write_transaction(development, "run") as writer:
        writer.merge(MARKS, [other], {"release": "20250403"})
    load(development, THREE.head(1))
    assert read_releases(development, MARKS, ["20250403"]).height == 3
    assert read_releases(development, MARKS, ["20250402"]).height == 1


def test_a_load_that_dies_half_way_leaves_everything_as_it_was(development: Connection) -> None:
    load(development, THREE)
    duplicated = pl.concat([THREE, THREE.head(1)])
    with (
        pytest.raises(psycopg.errors.CardinalityViolation),
        write_transaction(development, "second") as writer,
    ):
        writer.merge(MARKS, [duplicated.with_columns(grade=pl.lit("F"))], RELEASE)
    assert read_table(development, MARKS).sort("subject_code").equals(THREE)


def test_two_loads_of_one_release_at_once_give_what_one_gives(databases: Databases) -> None:
    def load_alone() -> None:
        with connected(databases.development, Side.DEVELOPMENT, "test") as connection:
            load(connection, THREE)

    threads = [threading.Thread(target=load_alone) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connected(databases.development, Side.DEVELOPMENT, "test") as connection:
        assert read_table(connection, MARKS).sort("subject_code").equals(THREE)
        assert connection.execute("SELECT count(*) FROM ops.versions").fetchone() == (1,)


def test_awkward_texts_lists_and_nulls_come_back_as_they_were(development: Connection) -> None:
    odd = releases(
        {"release": "a", "title": 'quote " comma , line\nend', "semesters": [1, 8]},
        {"release": "b", "title": "", "semesters": []},
        {"release": "c", "title": "\\N \\. é – ✓ ' ; --", "semesters": None, "scheme": None},
    )
    with write_transaction(development, "run") as writer:
        writer.merge(RELEASE_INDEX, [odd])
    assert read_table(development, RELEASE_INDEX).sort("release").equals(odd)


RELEASE_ROWS = [{"subject_code": "101"}, {"subject_code": "102"}, {"subject_code": "103"}]
