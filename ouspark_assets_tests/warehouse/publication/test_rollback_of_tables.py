"""Rolling back tables that were filled or emptied, or that contain nulls in keys and JSON."""

import json

import polars as pl
import pytest

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.analytics import DEMOGRAPHICS, SUBJECT_STATS
from ouspark_assets.schemas.clean import APPEARANCES
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets_tests.support.factories import appearances
from ouspark_assets_tests.warehouse.publication.states import (
    RELEASE,
    load,
    production_marks,
    publish_any,
    roll_back_to,
    state,
)


def test_without_a_publication_there_is_nothing_to_roll_back(production: Connection) -> None:
    with pytest.raises(UsageError, match="no publication yet"):
        roll_back_to(production, 1)


def test_a_table_that_was_empty_is_emptied_again(
    development: Connection, production: Connection
) -> None:
    load(development, state(0))
    publish_any(development, production)
    load(development, appearances({}), APPEARANCES)
    # A full publication copies directly into an empty table.
    publish(development, production, PUBLISHED_TABLES, "run", Terms(full=True))
    assert read_table(production, APPEARANCES).height == 1
    assert roll_back_to(production, 1).differing == ()
    assert read_table(production, APPEARANCES).is_empty()


def test_a_table_that_was_emptied_and_refilled_is_restored(
    development: Connection, production: Connection
) -> None:
    load(development, state(0))
    publish_any(development, production)
    load(development, state(0).clear())
    publish_any(development, production)
    load(development, state(3))
    publish(development, production, PUBLISHED_TABLES, "run", Terms(full=True))
    assert production_marks(production).equals(state(3))
    assert roll_back_to(production, 1).differing == ()
    assert production_marks(production).equals(state(0))


def test_nulls_in_keys_and_json_are_restored(
    development: Connection, production: Connection
) -> None:
    def load_and_publish(students: int, grades: dict[str, int]) -> None:
        load(development, cohort(students), DEMOGRAPHICS)
        load(development, subject(grades), SUBJECT_STATS)
        publish_any(development, production)

    load_and_publish(3, {"S": 1})
    before = [read_table(production, table) for table in (DEMOGRAPHICS, SUBJECT_STATS)]
    load_and_publish(4, {"S": 1, "A": 2})
    assert roll_back_to(production, 1).differing == ()
    after = [read_table(production, table) for table in (DEMOGRAPHICS, SUBJECT_STATS)]
    assert all(one.equals(other) for one, other in zip(before, after, strict=True))


def cohort(students: int) -> pl.DataFrame:
    row = {"dimension": "gender", "value": "FEMALE"} | dict.fromkeys(
        ("students", "decided", "all_clear", "with_backlogs", "incomplete", "with_cgpa"), students
    )
    return pl.DataFrame([{name: row.get(name) for name in DEMOGRAPHICS.columns}],
                        schema=DEMOGRAPHICS.dtypes)  # fmt: skip


def subject(grades: dict[str, int]) -> pl.DataFrame:
    counts = [name for name, dtype in SUBJECT_STATS.dtypes.items() if dtype == pl.Int32]
    row = {"subject_code": "101", **RELEASE, "grades": json.dumps(grades)} | dict.fromkeys(
        counts, 1
    )
    return pl.DataFrame([{name: row.get(name) for name in SUBJECT_STATS.columns}],
                        schema=SUBJECT_STATS.dtypes)  # fmt: skip
