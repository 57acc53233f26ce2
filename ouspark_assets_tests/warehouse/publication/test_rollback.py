"""Rolling back to one of five publications, and publishing again afterwards."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.services import Endpoints
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.publication.publications import (
    PublishingHeldError,
    current_hold,
    last_publication,
    lift_hold,
    read_publications,
)
from ouspark_assets.warehouse.publication.publish_transaction import Terms, publish
from ouspark_assets.warehouse.publication.verification import verify
from ouspark_assets_tests.conftest import connected_copy, copy_of
from ouspark_assets_tests.warehouse.publication.states import (
    load,
    production_marks,
    publish_any,
    roll_back_to,
    state,
)


@pytest.fixture(scope="module")
def after_five(servers: Endpoints, templates: dict[Side, str]) -> Iterator[dict[Side, str]]:
    """Yield the names of both databases after five publications of different states."""
    with ExitStack() as stack:
        dsns = {side: stack.enter_context(copy_of(servers, templates[side])) for side in Side}
        with (
            connected(dsns[Side.DEVELOPMENT], Side.DEVELOPMENT) as development,
            connected(dsns[Side.PRODUCTION], Side.PRODUCTION) as production,
        ):
            for number in range(5):
                load(development, state(number))
                publish_any(development, production)
            names = {
                Side.DEVELOPMENT: development.info.dbname,
                Side.PRODUCTION: production.info.dbname,
            }
        # PostgreSQL does not copy a database that has open connections.
        yield names


@pytest.fixture
def development(servers: Endpoints, after_five: dict[Side, str]) -> Iterator[Connection]:
    with connected_copy(servers, after_five[Side.DEVELOPMENT], Side.DEVELOPMENT) as connection:
        yield connection


@pytest.fixture
def production(servers: Endpoints, after_five: dict[Side, str]) -> Iterator[Connection]:
    with connected_copy(servers, after_five[Side.PRODUCTION], Side.PRODUCTION) as connection:
        yield connection


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_of_the_last_publications_can_be_restored(production: Connection, number: int) -> None:
    done = roll_back_to(production, number)
    assert (done.publication.number, done.publication.kind) == (6, "rollback")
    assert done.publication.restores == number
    assert production_marks(production).equals(state(number - 1))
    assert done.differing == ()
    wanted = next(p for p in read_publications(production) if p.number == number)
    assert done.publication.checksum == wanted.checksum


def test_a_rollback_can_itself_be_rolled_back(production: Connection) -> None:
    roll_back_to(production, 2)
    roll_back_to(production, 5)
    assert production_marks(production).equals(state(4))
    roll_back_to(production, 6)
    assert production_marks(production).equals(state(1))


def test_after_a_rollback_publishing_is_on_hold_until_it_is_resumed(
    development: Connection, production: Connection
) -> None:
    roll_back_to(production, 2)
    load(development, state(0))
    with pytest.raises(PublishingHeldError, match="resume"):
        publish_any(development, production)
    assert last_publication(production).number == 6
    assert lift_hold(production)
    assert current_hold(production) is None
    assert not lift_hold(production)


def test_publishing_after_a_rollback_sends_only_the_differences(
    development: Connection, production: Connection
) -> None:
    roll_back_to(production, 2)
    lift_hold(production)
    done = publish_any(development, production)
    assert done is not None
    assert (done.publication.number, done.publication.kind) == (7, "changes")
    assert production_marks(production).equals(state(4))
    assert verify(development, production, PUBLISHED_TABLES).is_clean


def test_a_publication_that_is_no_longer_kept_cannot_be_restored(
    development: Connection, production: Connection
) -> None:
    load(development, state(0))
    publish(development, production, PUBLISHED_TABLES, "run", Terms(keep=2, most_shrink=1))
    with pytest.raises(UsageError, match="Possible publications: 4, 5"):
        roll_back_to(production, 3)
    with pytest.raises(UsageError, match="Cannot roll back"):
        roll_back_to(production, 99)
    with pytest.raises(UsageError, match="the current one"):
        roll_back_to(production, 6)
    rows = production.execute(
        "SELECT min(number), max(number) FROM ops.publication_changes"
    ).fetchone()
    assert rows == (5, 6)


def test_a_rollback_names_tables_with_rows_changed_by_hand(production: Connection) -> None:
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '110'")
    assert roll_back_to(production, 4).differing == ()
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '106'")
    assert roll_back_to(production, 5).differing == ("clean.marks",)


def test_a_publication_of_another_schema_version_cannot_be_restored(production: Connection) -> None:
    production.execute("UPDATE ops.migrations SET version_num = '9999'")
    with pytest.raises(UsageError, match="Possible publications: none"):
        roll_back_to(production, 4)
