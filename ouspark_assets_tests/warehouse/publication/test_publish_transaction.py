from typing import Any

import polars as pl
import psycopg
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import APPEARANCES, MARKS
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publish_transaction import Published, Terms, publish
from ouspark_assets_tests.support.factories import appearances, marks
from ouspark_assets_tests.support.stores import Databases

RELEASE = {"release": "20250402"}
SUBJECTS = marks(*({"subject_code": str(code)} for code in range(101, 109)))


def load(development: Connection, frame: pl.DataFrame) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [frame], RELEASE)


def published(development: Connection, production: Connection, **how: Any) -> Published | None:
    return publish(development, production, PUBLISHED_TABLES, "run", Terms(**how))


def test_the_first_publication_sends_everything(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    done = published(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind, done.rows_changed) == (1, "full", 8)
    assert read_table(production, MARKS).sort("subject_code").equals(SUBJECTS)


def test_nothing_changed_is_no_new_publication(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    load(development, SUBJECTS)
    assert published(development, production) is None
    assert production.execute("SELECT max(number) FROM ops.publications").fetchone() == (1,)


def test_only_changed_new_and_removed_rows_are_sent(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    after = pl.concat(
        [
            marks({"subject_code": "101", "grade": "S", "points": 10}, {"subject_code": "200"}),
            SUBJECTS.slice(2),
        ]
    )
    load(development, after)
    done = published(development, production)
    assert done is not None
    sent = done.sent["clean.marks"]
    assert (sent.inserted, sent.updated, sent.removed) == (1, 1, 1)
    assert done.publication.kind == "changes"
    assert done.publication.states["clean.marks"].rows == 8
    assert read_table(production, MARKS).sort("subject_code").equals(after.sort("subject_code"))


def test_a_row_removed_and_loaded_again_between_publications_is_there(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    load(development, SUBJECTS.head(1))
    load(development, SUBJECTS)
    published(development, production)
    assert read_table(production, MARKS).sort("subject_code").equals(SUBJECTS)


def test_changes_of_several_loads_are_sent_by_one_publication(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS.head(2))
    published(development, production)
    load(development, SUBJECTS.head(4))
    load(development, SUBJECTS)
    published(development, production)
    assert read_table(production, MARKS).sort("subject_code").equals(SUBJECTS)


def test_a_new_development_database_is_published_in_full(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    development.execute("UPDATE ops.identity SET id = gen_random_uuid()")
    load(development, SUBJECTS.head(7))
    done = published(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind, done.rows_changed) == (2, "full", 1)


def test_a_new_development_database_with_the_same_rows_is_no_new_publication(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    development.execute("UPDATE ops.identity SET id = gen_random_uuid()")
    assert published(development, production) is None
    load(development, SUBJECTS.head(7))
    done = published(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind) == (2, "changes")


def test_a_full_publication_repairs_what_was_changed_by_hand(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '103'")
    production.execute("DELETE FROM clean.marks WHERE subject_code = '104'")
    done = published(development, production, full=True)
    assert done is not None
    assert done.rows_changed == 2
    assert read_table(production, MARKS).sort("subject_code").equals(SUBJECTS)


@pytest.mark.parametrize(("published_names", "found"), [(False, None), (True, "FATHER ONE")])
def test_fathers_names_leave_development_only_when_a_setting_says_so(
    development: Connection,
    production: Connection,
    published_names: bool,
    found: str | None,
) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(APPEARANCES, [appearances({})], RELEASE)
    published(development, production, father_names=published_names)
    assert read_table(production, APPEARANCES)["father_name"].to_list() == [found]


def test_taking_fathers_names_back_removes_them_from_production(
    development: Connection, production: Connection
) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(APPEARANCES, [appearances({})], RELEASE)
    published(development, production, father_names=True)
    published(development, production, father_names=False)
    assert read_table(production, APPEARANCES)["father_name"].to_list() == [None]


def test_the_same_database_as_both_sides_is_refused(databases: Databases) -> None:
    with (
        connected(databases.development, Side.DEVELOPMENT) as one,
        connected(databases.development, Side.PRODUCTION) as other,
        pytest.raises(WarehouseError, match="OUSPARK_PROD_DSN"),
    ):
        published(one, other)


def test_a_publication_that_fails_leaves_production_as_it_was(
    development: Connection, production: Connection
) -> None:
    load(development, SUBJECTS)
    published(development, production)
    load(development, SUBJECTS.with_columns(grade=pl.lit("S"), points=pl.lit(10, pl.Int16)))
    # The very last thing that a publication does.
    production.execute("ALTER TABLE ops.publications ADD CONSTRAINT no_second CHECK (number < 2)")
    with pytest.raises(psycopg.errors.CheckViolation, match="no_second"):
        published(development, production)
    assert read_table(production, MARKS).sort("subject_code").equals(SUBJECTS)
    assert production.execute("SELECT count(*) FROM ops.publications").fetchone() == (1,)
