"""What a publication sends to production: everything at first, then only changed rows."""

import polars as pl
import psycopg
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.pages.appearances import select_latest_appearances
from ouspark_assets.schemas.analytics import STANDINGS
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, STUDENTS
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.records.computed_from import current_version, store_inputs
from ouspark_assets_tests.support.factories import appearances, marks, releases
from ouspark_assets_tests.support.stores import Databases
from ouspark_assets_tests.warehouse.publication.states import RELEASE, load, publish_with

EIGHT_MARKS = marks(*({"subject_code": str(code)} for code in range(101, 109)))


def test_the_first_publication_sends_every_row(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    done = publish_with(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind, done.rows_changed) == (1, "full", 8)
    assert read_table(production, MARKS).sort("subject_code").equals(EIGHT_MARKS)


def test_without_changes_there_is_no_new_publication(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    load(development, EIGHT_MARKS)
    assert publish_with(development, production) is None
    assert production.execute("SELECT max(number) FROM ops.publications").fetchone() == (1,)


def test_only_changed_new_and_removed_rows_are_sent(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    after = pl.concat(
        [
            marks({"subject_code": "101", "grade": "S", "points": 10}, {"subject_code": "200"}),
            EIGHT_MARKS.slice(2),
        ]
    )
    load(development, after)
    done = publish_with(development, production)
    assert done is not None
    sent = done.sent["clean.marks"]
    assert (sent.inserted, sent.updated, sent.removed) == (1, 1, 1)
    assert done.publication.kind == "changes"
    assert done.publication.states["clean.marks"].rows == 8
    assert read_table(production, MARKS).sort("subject_code").equals(after.sort("subject_code"))


def test_a_row_removed_and_loaded_again_between_publications_is_published(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    load(development, EIGHT_MARKS.head(1))
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    assert read_table(production, MARKS).sort("subject_code").equals(EIGHT_MARKS)


def test_changes_of_several_loads_are_sent_by_one_publication(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS.head(2))
    publish_with(development, production)
    load(development, EIGHT_MARKS.head(4))
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    assert read_table(production, MARKS).sort("subject_code").equals(EIGHT_MARKS)


def test_a_new_development_database_is_published_in_full(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    development.execute("UPDATE ops.identity SET id = gen_random_uuid()")
    load(development, EIGHT_MARKS.head(7))
    done = publish_with(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind, done.rows_changed) == (2, "full", 1)


def test_a_new_development_database_with_the_same_rows_gives_no_new_publication(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    development.execute("UPDATE ops.identity SET id = gen_random_uuid()")
    assert publish_with(development, production) is None
    load(development, EIGHT_MARKS.head(7))
    done = publish_with(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind) == (2, "changes")


def test_a_full_publication_repairs_what_was_changed_by_hand(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '103'")
    production.execute("DELETE FROM clean.marks WHERE subject_code = '104'")
    done = publish_with(development, production, full=True)
    assert done is not None
    assert done.rows_changed == 2
    assert read_table(production, MARKS).sort("subject_code").equals(EIGHT_MARKS)


@pytest.mark.parametrize(("published_names", "found"), [(False, None), (True, "FATHER ONE")])
def test_fathers_names_are_published_only_if_a_setting_says_so(
    development: Connection,
    production: Connection,
    published_names: bool,
    found: str | None,
) -> None:
    load_details(development)
    publish_with(development, production, father_names=published_names)
    for table in (APPEARANCES, STUDENTS):
        assert read_table(production, table)["father_name"].to_list() == [found]


def load_details(development: Connection) -> None:
    """Load the personal details of one student into both tables that have them."""
    details = appearances({})
    with write_transaction(development, "load") as writer:
        writer.merge(APPEARANCES, [details], RELEASE)
        writer.merge(STUDENTS, [select_latest_appearances(details, releases({}))])


def test_no_longer_publishing_fathers_names_removes_them_from_production(
    development: Connection, production: Connection
) -> None:
    load_details(development)
    publish_with(development, production, father_names=True)
    publish_with(development, production, father_names=False)
    for table in (APPEARANCES, STUDENTS):
        assert read_table(production, table)["father_name"].to_list() == [None]


def test_the_same_database_for_both_sides_is_refused(databases: Databases) -> None:
    with (
        connected(databases.development, Side.DEVELOPMENT) as one,
        connected(databases.development, Side.PRODUCTION) as other,
        pytest.raises(WarehouseError, match="OUSPARK_PROD_DSN"),
    ):
        publish_with(one, other)


def test_nothing_is_published_while_a_table_is_older_than_its_inputs(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    compute_standings_from(development, current_version(development))
    publish_with(development, production)
    load(development, EIGHT_MARKS.with_columns(grade=pl.lit("S"), points=pl.lit(10, pl.Int16)))
    with pytest.raises(WarehouseError, match=r"analytics\.standings was computed before"):
        publish_with(development, production)
    assert read_table(production, MARKS).sort("subject_code").equals(EIGHT_MARKS)
    compute_standings_from(development, current_version(development))
    done = publish_with(development, production)
    assert done is not None
    assert (done.publication.number, done.rows_changed) == (2, 8)


def compute_standings_from(development: Connection, version: int) -> None:
    """Record that the standings have been computed from this version of the marks."""
    with write_transaction(development, "compute") as writer:
        store_inputs(writer, STANDINGS, {MARKS.qualified_name: version})


def test_a_failed_publication_leaves_production_unchanged(
    development: Connection, production: Connection
) -> None:
    load(development, EIGHT_MARKS)
    publish_with(development, production)
    load(development, EIGHT_MARKS.with_columns(grade=pl.lit("S"), points=pl.lit(10, pl.Int16)))
    # Storing the publication's number is the last statement of a publication.
    production.execute("ALTER TABLE ops.publications ADD CONSTRAINT no_second CHECK (number < 2)")
    with pytest.raises(psycopg.errors.CheckViolation, match="no_second"):
        publish_with(development, production)
    assert read_table(production, MARKS).sort("subject_code").equals(EIGHT_MARKS)
    assert production.execute("SELECT count(*) FROM ops.publications").fetchone() == (1,)
