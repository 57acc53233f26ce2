import json

import polars as pl
import pytest

from ouspark_assets.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.analytics import DEMOGRAPHICS, SUBJECT_STATS
from ouspark_assets.schemas.clean import APPEARANCES, MARKS
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.connection import Connection
from ouspark_assets.warehouse.publications import (
    PublishingHeldError,
    current_hold,
    last_publication,
    lift_hold,
    publications,
)
from ouspark_assets.warehouse.publishing import Published, Terms, publish
from ouspark_assets.warehouse.reading import read_table
from ouspark_assets.warehouse.rollback import RolledBack, roll_back
from ouspark_assets.warehouse.verifying import verify
from ouspark_assets.warehouse.writing import writing
from ouspark_assets_tests.factories import appearances, marks

RELEASE = {"release": "20250402"}
CODES = [str(code) for code in range(101, 111)]
EASY = Terms(most_shrink=1)


def state(number: int) -> pl.DataFrame:
    """Marks of which each state shares some with the one before, loses one and gains one."""
    named = [{"subject_code": code} for code in CODES[number : number + 6]]
    return marks(*({**row, "subject_name": f"IN STATE {number}"} for row in named[:2]), *named[2:])


def load(development: Connection, frame: pl.DataFrame, table: Table = MARKS) -> None:
    with writing(development, "load") as writer:
        writer.merge(table, [frame], RELEASE if "release" in table.key else {})


def published(development: Connection, production: Connection) -> Published | None:
    return publish(development, production, PUBLISHED_TABLES, "run", EASY)


def rolled_back(production: Connection, number: int, terms: Terms = EASY) -> RolledBack:
    return roll_back(production, PUBLISHED_TABLES, number, "cli", terms)


def content(production: Connection) -> pl.DataFrame:
    return read_table(production, MARKS).sort("subject_code")


@pytest.fixture
def five(development: Connection, production: Connection) -> None:
    """Five publications, each with a state of its own."""
    for number in range(5):
        load(development, state(number))
        published(development, production)


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_of_the_last_publications_can_be_brought_back(
    production: Connection, number: int
) -> None:
    done = rolled_back(production, number)
    assert (done.publication.number, done.publication.kind) == (6, "rollback")
    assert done.publication.restores == number
    assert content(production).equals(state(number - 1))
    assert done.differing == ()
    wanted = next(it for it in publications(production) if it.number == number)
    assert done.publication.checksum == wanted.checksum


@pytest.mark.usefixtures("five")
def test_a_rollback_can_itself_be_rolled_back(production: Connection) -> None:
    rolled_back(production, 2)
    rolled_back(production, 5)
    assert content(production).equals(state(4))
    rolled_back(production, 6)
    assert content(production).equals(state(1))


@pytest.mark.usefixtures("five")
def test_a_rollback_holds_publishing_until_it_is_resumed(
    development: Connection, production: Connection
) -> None:
    rolled_back(production, 2)
    load(development, state(0))
    with pytest.raises(PublishingHeldError, match="resume"):
        published(development, production)
    assert last_publication(production).number == 6
    assert lift_hold(production)
    assert current_hold(production) is None
    assert not lift_hold(production)


@pytest.mark.usefixtures("five")
def test_publishing_after_a_rollback_goes_forward_by_what_changed_since(
    development: Connection, production: Connection
) -> None:
    rolled_back(production, 2)
    lift_hold(production)
    done = published(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind) == (7, "changes")
    assert content(production).equals(state(4))
    assert verify(development, production, PUBLISHED_TABLES).is_clean


@pytest.mark.usefixtures("five")
def test_what_is_not_kept_can_not_be_brought_back(
    development: Connection, production: Connection
) -> None:
    load(development, state(0))
    publish(development, production, PUBLISHED_TABLES, "run", Terms(keep=2, most_shrink=1))
    with pytest.raises(WarehouseError, match="those that can: 4, 5"):
        rolled_back(production, 3)
    with pytest.raises(WarehouseError, match="can't be brought back"):
        rolled_back(production, 99)
    with pytest.raises(WarehouseError, match="the present one"):
        rolled_back(production, 6)
    rows = production.execute(
        "SELECT min(number), max(number) FROM ops.publication_changes"
    ).fetchone()
    assert rows == (5, 6)


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


@pytest.mark.usefixtures("five")
def test_rows_changed_by_hand_are_named_by_a_rollback(production: Connection) -> None:
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '110'")
    assert rolled_back(production, 4).differing == ()
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '106'")
    assert rolled_back(production, 5).differing == ("clean.marks",)


@pytest.mark.usefixtures("five")
def test_a_publication_of_other_tables_is_not_brought_back(production: Connection) -> None:
    production.execute("UPDATE ops.migrations SET version_num = '9999'")
    with pytest.raises(WarehouseError, match="those that can: none"):
        rolled_back(production, 4)
