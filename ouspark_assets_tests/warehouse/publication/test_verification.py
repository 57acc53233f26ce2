"""Verification compares production with development row by row and with its own checksums."""

import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import APPEARANCES, MARKS
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.publication.verification import TableVerdict, verify
from ouspark_assets_tests.support.factories import TICKET, appearances, marks
from ouspark_assets_tests.warehouse.publication.states import FORTY_MARKS, RELEASE


@pytest.fixture(autouse=True)
def _publish(development: Connection, production: Connection) -> None:
    with write_transaction(development, "load") as writer:
        writer.merge(MARKS, [FORTY_MARKS], RELEASE)
        writer.merge(APPEARANCES, [appearances({})], RELEASE)
    publish(development, production, PUBLISHED_TABLES, "run")


def marks_verdict(development: Connection, production: Connection) -> TableVerdict:
    verdicts = verify(development, production, PUBLISHED_TABLES).tables
    return next(table for table in verdicts if table.name == "clean.marks")


def test_a_publication_without_fathers_names_has_no_differences(
    development: Connection, production: Connection
) -> None:
    found = verify(development, production, PUBLISHED_TABLES)
    assert found.is_clean
    assert len(found.tables) == len(PUBLISHED_TABLES)


def test_rows_changed_removed_and_added_by_hand_are_named(
    development: Connection, production: Connection
) -> None:
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '103'")
    production.execute("DELETE FROM clean.marks WHERE subject_code = '104'")
    production.execute("UPDATE clean.marks SET subject_code = '999' WHERE subject_code = '105'")
    found = marks_verdict(development, production)
    assert not found.is_clean
    assert {(row.key["subject_code"], row.problem) for row in found.differences} == {
        ("103", "differs"),
        ("104", "missing"),
        ("105", "missing"),
        ("999", "not in development"),
    }
    assert found.differences[0].key["hall_ticket"] == TICKET
    assert 1 <= found.differing_buckets <= 4


def test_a_difference_is_repaired_by_the_next_full_publication(
    development: Connection, production: Connection
) -> None:
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '103'")
    done = publish(development, production, PUBLISHED_TABLES, "run", Terms(full=True))
    assert done is not None
    assert done.rows_changed == 1
    assert verify(development, production, PUBLISHED_TABLES).is_clean


def test_an_unpublished_change_is_not_a_difference(
    development: Connection, production: Connection
) -> None:
    with write_transaction(development, "load") as writer:
        changed = marks(
            {"subject_code": "200"}, {"subject_code": "101", "grade": "S", "points": 10}
        )
        writer.merge(MARKS, [changed], RELEASE)
    found = marks_verdict(development, production)
    assert found.is_clean
    assert found.unpublished == 41


def test_the_same_change_by_hand_on_both_sides_is_found_by_the_checksum(
    development: Connection, production: Connection
) -> None:
    for connection in (development, production):
        connection.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '103'")
    found = marks_verdict(development, production)
    assert found.differences == ()
    assert not found.is_clean


def test_checksums_are_updated_with_every_publication(
    development: Connection, production: Connection
) -> None:
    for grade, points in (("S", 10), ("B", 8), ("F", 0)):
        with write_transaction(development, "load") as writer:
            frame = marks({"subject_code": "101", "grade": grade, "points": points},
                          *({"subject_code": str(code)} for code in range(102, 130)))  # fmt: skip
            writer.merge(MARKS, [frame], RELEASE)
        done = publish(development, production, PUBLISHED_TABLES, "run", Terms(most_shrink=1))
        assert done is not None
        assert done.publication.kind == "changes"
        assert verify(development, production, PUBLISHED_TABLES).is_clean


def test_without_a_publication_verification_is_refused(
    development: Connection, production: Connection
) -> None:
    production.execute("TRUNCATE ops.publications")
    with pytest.raises(WarehouseError, match="no publication to verify"):
        verify(development, production, PUBLISHED_TABLES)
