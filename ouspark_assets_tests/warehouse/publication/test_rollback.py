"""Going back to one of five publications, and forward again."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ouspark_assets.domain.errors import WarehouseError
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
    content,
    load,
    published,
    rolled_back,
    state,
)


@pytest.fixture(scope="module")
def after_five(servers: Endpoints, templates: dict[Side, str]) -> Iterator[dict[Side, str]]:
    """The names of databases after five publications, each with a state of its own."""
    with ExitStack() as stack:
        dsns = {side: stack.enter_context(copy_of(servers, templates[side])) for side in Side}
        with (
            connected(dsns[Side.DEVELOPMENT], Side.DEVELOPMENT) as development,
            connected(dsns[Side.PRODUCTION], Side.PRODUCTION) as production,
        ):
            for number in range(5):
                load(development, state(number))
                published(development, production)
            names = {
                Side.DEVELOPMENT: development.info.dbname,
                Side.PRODUCTION: production.info.dbname,
            }
        # A database that somebody is connected to can't be copied.
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
def test_each_of_the_last_publications_can_be_brought_back(
    production: Connection, number: int
) -> None:
    done = rolled_back(production, number)
    assert (done.publication.number, done.publication.kind) == (6, "rollback")
    assert done.publication.restores == number
    assert content(production).equals(state(number - 1))
    assert done.differing == ()
    wanted = next(it for it in read_publications(production) if it.number == number)
    assert done.publication.checksum == wanted.checksum


def test_a_rollback_can_itself_be_rolled_back(production: Connection) -> None:
    rolled_back(production, 2)
    rolled_back(production, 5)
    assert content(production).equals(state(4))
    rolled_back(production, 6)
    assert content(production).equals(state(1))


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


def test_what_is_not_kept_can_not_be_brought_back(
    development: Connection, production: Connection
) -> None:
    load(development, state(0))
    publish(development, production, PUBLISHED_TABLES, "run", Terms(keep=2, most_shrink=1))
    with pytest.raises(WarehouseError, match="Possible publications: 4, 5"):
        rolled_back(production, 3)
    with pytest.raises(WarehouseError, match="Cannot roll back"):
        rolled_back(production, 99)
    with pytest.raises(WarehouseError, match="the current one"):
        rolled_back(production, 6)
    rows = production.execute(
        "SELECT min(number), max(number) FROM ops.publication_changes"
    ).fetchone()
    assert rows == (5, 6)


def test_rows_changed_by_hand_are_named_by_a_rollback(production: Connection) -> None:
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '110'")
    assert rolled_back(production, 4).differing == ()
    production.execute("UPDATE clean.marks SET grade = 'F' WHERE subject_code = '106'")
    assert rolled_back(production, 5).differing == ("clean.marks",)


def test_a_publication_of_other_tables_is_not_brought_back(production: Connection) -> None:
    production.execute("UPDATE ops.migrations SET version_num = '9999'")
    with pytest.raises(WarehouseError, match="Possible publications: none"):
        rolled_back(production, 4)
