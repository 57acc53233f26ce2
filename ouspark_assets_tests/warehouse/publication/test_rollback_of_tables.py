"""What a rollback makes of tables that were filled, emptied, or hold what is hard to compare."""

import json

import polars as pl
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.analytics import DEMOGRAPHICS, SUBJECT_STATS
from ouspark_assets.schemas.clean import APPEARANCES
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets_tests.support.factories import appearances
from ouspark_assets_tests.warehouse.publication.states import (
    RELEASE,
    content,
    load,
    published,
    rolled_back,
    state,
)


def test_nothing_published_can_not_be_rolled_back(production: Connection) -> None:
    with pytest.raises(WarehouseError, match="no publication yet"):
        rolled_back(production, 1)


def test_a_table_that_was_filled_later_is_empty_again(
    development: Connection, production: Connection
) -> None:
    load(development, state(0))
    published(development, production)
    load(development, appearances({}), APPEARANCES)
    # A full publication copies straight into a table that was empty.
    publish(development, production, PUBLISHED_TABLES, "run", Terms(full=True))
    assert read_table(production, APPEARANCES).height == 1
    assert rolled_back(production, 1).differing == ()
    assert read_table(production, APPEARANCES).is_empty()


def test_a_table_emptied_and_filled_again_is_what_it_was_before_both(
    development: Connection, production: Connection
) -> None:
    load(development, state(0))
    published(development, production)
    load(development, state(0).clear())
    published(development, production)
    load(development, state(3))
    publish(development, production, PUBLISHED_TABLES, "run", Terms(full=True))
    assert content(production).equals(state(3))
    assert rolled_back(production, 1).differing == ()
    assert content(production).equals(state(0))


def test_null_keys_and_json_come_back_as_they_were(
    development: Connection, production: Connection
) -> None:
    def both(students: int, grades: dict[str, int]) -> None:
        load(development, cohort(students), DEMOGRAPHICS)
        load(development, subject(grades), SUBJECT_STATS)
        published(development, production)

    both(3, {"S": 1})
    before = [read_table(production, table) for table in (DEMOGRAPHICS, SUBJECT_STATS)]
    both(4, {"S": 1, "A": 2})
    assert rolled_back(production, 1).differing == ()
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
