"""Rows whose referenced row is missing are counted."""

import pytest

from ouspark_assets.schemas.clean import APPEARANCES, MARKS
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.references import REFERENCES, count_dangling_rows
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets_tests.support.factories import appearances, marks

(TO_APPEARANCES,) = [
    reference for reference in REFERENCES if (reference.table, reference.to) == (MARKS, APPEARANCES)
]
RELEASE = {"release": "20250402"}


@pytest.fixture(autouse=True)
def two_marks(development: Connection) -> None:
    with write_transaction(development, "run") as writer:
        writer.merge(MARKS, [marks({"subject_code": "101"}, {"subject_code": "102"})], RELEASE)


def test_marks_without_an_appearance_are_counted(development: Connection) -> None:
    assert count_dangling_rows(development, TO_APPEARANCES) == 2


def test_marks_with_an_appearance_are_not_counted(development: Connection) -> None:
    with write_transaction(development, "run") as writer:
        writer.merge(APPEARANCES, [appearances({})], RELEASE)
    assert count_dangling_rows(development, TO_APPEARANCES) == 0


@pytest.mark.parametrize(("status", "found"), [("open", 0), ("discarded", 0), ("resolved", 2)])
def test_an_appearance_in_quarantine_does_not_count_as_missing(
    development: Connection, status: str, found: int
) -> None:
    development.execute(
        """
        INSERT INTO clean.quarantine (release, hall_ticket, table_name, fingerprint, reasons, raw,
                                      run_id, status)
        VALUES ('20250402', '160499733001', 'appearances', 'f', '{name is missing}', '{}', 'r', %s)
        """,
        (status,),
    )
    assert count_dangling_rows(development, TO_APPEARANCES) == found


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda ref: f"{ref.table.name}-{ref.to.name}")
def test_every_reference_can_be_counted(development: Connection, reference: object) -> None:
    assert count_dangling_rows(development, reference) >= 0
