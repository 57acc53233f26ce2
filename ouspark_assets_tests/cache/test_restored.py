"""A cache restored from an older save is withheld; one that readers may have seen is not."""

import pytest
import redis

from ouspark_assets.cache.generation import current_generation
from ouspark_assets.cache.keys import CURRENT_KEY, Generation, is_older
from ouspark_assets.cache.restored import withhold_if_outdated
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import last_generation
from ouspark_assets_tests.support.stores import Stores


@pytest.mark.parametrize(
    ("name", "other", "older"),
    [
        ("1-a-1", "2-b-1", True),
        ("9-a-1", "10-b-1", True),
        ("2-b-1", "2-b-1-1", True),
        ("2-b-1-2", "2-b-1-10", True),
        ("2-b-1-3", "2-b-2", True),
        ("2-b-1", "2-b-1", False),
        ("3-c-1", "2-b-1", False),
        ("2-b-1-1", "2-b-1", False),
        ("strange", "2-b-1", False),
        ("1-a-1", "strange", False),
    ],
)
def test_generations_are_ordered_by_publication_layout_and_attempt(
    name: str, other: str, older: bool
) -> None:
    assert is_older(name, other) is older


def test_every_switch_is_recorded_with_its_publication(stores: Stores) -> None:
    stores.load(1)
    stores.publish()
    stores.prewarm()
    assert last_generation(stores.production) == current_generation(stores.client)
    stores.prewarm(rebuild=True)
    rebuilt = current_generation(stores.client)
    assert rebuilt is not None
    assert rebuilt.endswith("-1-1")
    assert last_generation(stores.production) == rebuilt


def test_a_switch_that_a_killed_run_did_not_record_is_recorded_by_the_next(stores: Stores) -> None:
    stores.load(1)
    stores.publish()
    stores.prewarm()
    stores.production.execute("UPDATE ops.publications SET generation = NULL")
    stores.prewarm()
    assert last_generation(stores.production) == current_generation(stores.client)


def test_a_restored_older_generation_is_withheld_until_the_next_prewarm(stores: Stores) -> None:
    for state in (1, 2):
        stores.load(state)
        stores.publish()
        stores.prewarm()
    newest = current_generation(stores.client)
    assert withhold_if_outdated(stores.client, stores.production) is None
    stores.client.set(CURRENT_KEY, Generation(1, "a" * 64).name)
    assert withhold_if_outdated(stores.client, stores.production) == Generation(1, "a" * 64).name
    assert stores.client.get(CURRENT_KEY) is None
    stores.prewarm()
    assert current_generation(stores.client) not in (None, Generation(1, "a" * 64).name)
    assert newest is not None
    assert stores.is_consistent()


def test_an_older_generation_is_served_while_its_successor_is_only_published(
    stores: Stores,
) -> None:
    stores.load(1)
    stores.publish()
    stores.prewarm()
    shown = current_generation(stores.client)
    stores.load(2)
    assert stores.publish() == 2
    assert withhold_if_outdated(stores.client, stores.production) is None
    assert current_generation(stores.client) == shown


def test_nothing_is_withheld_before_anything_was_recorded(
    client: redis.Redis, production: Connection
) -> None:
    client.set(CURRENT_KEY, "1-a-1")
    assert withhold_if_outdated(client, production) is None
    assert client.get(CURRENT_KEY) == b"1-a-1"
