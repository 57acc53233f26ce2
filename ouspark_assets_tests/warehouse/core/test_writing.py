"""Merging rows into tables: changes are detected per row, versioned, and atomic."""

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
from ouspark_assets_tests.support.waiting import wait_until_blocked

RELEASE = {"release": "20250402"}
THREE_MARKS = marks({"subject_code": "101"}, {"subject_code": "102"}, {"subject_code": "103"})


def load(connection: Connection, frame: pl.DataFrame, run: str = "run") -> MergeResult:
    with write_transaction(connection, run) as writer:
        return writer.merge(MARKS, [frame], RELEASE)


def bookkeeping(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT subject_code, run_id, version FROM clean.marks ORDER BY subject_code"
    ).fetchall()


def test_the_first_load_writes_every_row(development: Connection) -> None:
    assert load(development, THREE_MARKS) == MergeResult(rows=3, written=3, removed=0)
    assert read_table(development, MARKS).sort("subject_code").equals(THREE_MARKS)


def test_loading_the_same_rows_again_writes_nothing_and_keeps_run_and_version(
    development: Connection,
) -> None:
    load(development, THREE_MARKS, "first")
    before = bookkeeping(development)
    assert load(development, THREE_MARKS, "second") == MergeResult(rows=3, written=0, removed=0)
    assert bookkeeping(development) == before


def test_only_a_changed_row_gets_a_new_run_and_version(development: Connection) -> None:
    load(development, THREE_MARKS, "first")
    better = marks({"subject_code": "101", "grade": "S", "points": 10}, *RELEASE_ROWS[1:])
    assert load(development, better, "second") == MergeResult(rows=3, written=1, removed=0)
    assert [row[1] for row in bookkeeping(development)] == ["second", "first", "first"]


def test_a_refetched_page_with_the_same_content_is_not_a_change(development: Connection) -> None:
    load(development, THREE_MARKS)
    refetched = THREE_MARKS.with_columns(pl.lit("1" * 64).alias("sha256"))
    assert load(development, refetched).changed == 0


def test_a_row_missing_from_the_next_load_is_removed_and_leaves_a_tombstone(
    development: Connection,
) -> None:
    load(development, THREE_MARKS)
    assert load(development, THREE_MARKS.head(2)) == MergeResult(rows=2, written=0, removed=1)
    (tombstone,) = development.execute("SELECT table_name, key FROM ops.tombstones").fetchall()
    assert tombstone == (
        "clean.marks",
        {"release": "20250402", "hall_ticket": "160499733001", "subject_code": "103"},
    )


def test_rows_outside_the_scope_are_not_changed(development: Connection) -> None:
    load(development, THREE_MARKS)
    other = THREE_MARKS.with_columns(pl.lit("20250403").alias("release"))
    with write_transaction(development, "run") as writer:
        writer.merge(MARKS, [other], {"release": "20250403"})
    load(development, THREE_MARKS.head(1))
    assert read_releases(development, MARKS, ["20250403"]).height == 3
    assert read_releases(development, MARKS, ["20250402"]).height == 1


def test_a_load_that_fails_halfway_changes_nothing(development: Connection) -> None:
    load(development, THREE_MARKS)
    duplicated = pl.concat([THREE_MARKS, THREE_MARKS.head(1)])
    with (
        pytest.raises(psycopg.errors.CardinalityViolation),
        write_transaction(development, "second") as writer,
    ):
        writer.merge(MARKS, [duplicated.with_columns(grade=pl.lit("F"))], RELEASE)
    assert read_table(development, MARKS).sort("subject_code").equals(THREE_MARKS)


def test_concurrent_loads_of_a_release_give_the_same_result_as_one(databases: Databases) -> None:
    def load_alone() -> None:
        with connected(databases.development, Side.DEVELOPMENT, "test") as connection:
            load(connection, THREE_MARKS)

    threads = [threading.Thread(target=load_alone) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connected(databases.development, Side.DEVELOPMENT, "test") as connection:
        assert read_table(connection, MARKS).sort("subject_code").equals(THREE_MARKS)
        assert connection.execute("SELECT count(*) FROM ops.versions").fetchone() == (1,)


def test_a_write_waits_until_the_write_in_progress_has_ended(databases: Databases) -> None:
    def load_other_release() -> None:
        other = THREE_MARKS.with_columns(pl.lit("20250403").alias("release"))
        with (
            connected(databases.development, Side.DEVELOPMENT, "second") as connection,
            write_transaction(connection, "second") as writer,
        ):
            writer.merge(MARKS, [other], {"release": "20250403"})

    second = threading.Thread(target=load_other_release)
    with (
        connected(databases.development, Side.DEVELOPMENT, "observer") as observer,
        connected(databases.development, Side.DEVELOPMENT, "first") as connection,
    ):
        with write_transaction(connection, "first") as writer:
            writer.merge(MARKS, [THREE_MARKS], RELEASE)
            second.start()
            wait_until_blocked(observer, "second", second)
            assert observer.execute("SELECT count(*) FROM ops.versions").fetchone() == (0,)
        second.join()
        # Publications send the rows above a version, so versions must follow the commits.
        runs = observer.execute("SELECT run_id FROM ops.versions ORDER BY version").fetchall()
        assert runs == [("first",), ("second",)]


def test_special_characters_lists_and_nulls_are_read_back_unchanged(
    development: Connection,
) -> None:
    special = releases(
        {"release": "a", "title": 'quote " comma , line\nend', "semesters": [1, 8]},
        {"release": "b", "title": "", "semesters": []},
        {"release": "c", "title": "\\N \\. é – ✓ ' ; --", "semesters": None, "scheme": None},
    )
    with write_transaction(development, "run") as writer:
        writer.merge(RELEASE_INDEX, [special])
    assert read_table(development, RELEASE_INDEX).sort("release").equals(special)


RELEASE_ROWS = [{"subject_code": "101"}, {"subject_code": "102"}, {"subject_code": "103"}]
