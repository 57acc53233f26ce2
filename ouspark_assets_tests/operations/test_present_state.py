"""The present state of production and cache, compared with what is upstream of each."""

from ouspark_assets.operations.present_state import read_cache_state, read_publication_state
from ouspark_assets.warehouse.publication.publications import hold_publishing
from ouspark_assets.warehouse.publication.publish_transaction import current_source
from ouspark_assets_tests.support.stores import Stores


def test_production_is_behind_until_the_changes_of_development_are_published(
    stores: Stores,
) -> None:
    def read() -> tuple[int | None, bool]:
        state, _ = read_publication_state(stores.production, current_source(stores.development))
        return state.number, state.behind

    assert read() == (None, False)
    stores.load(1)
    assert read() == (None, True)
    stores.publish()
    assert read() == (1, False)
    stores.load(2)
    assert read() == (1, True)


def test_a_hold_is_part_of_the_state_of_production(stores: Stores) -> None:
    stores.load(1)
    stores.publish()
    hold_publishing(stores.production, 1)
    state, _ = read_publication_state(stores.production, current_source(stores.development))
    assert state.held is not None
    assert "publication 1" in state.held


def test_the_cache_is_behind_until_it_has_the_newest_publication(stores: Stores) -> None:
    def is_behind() -> bool:
        source = current_source(stores.development)
        _, newest = read_publication_state(stores.production, source)
        return read_cache_state(stores.client, newest).behind

    assert not is_behind()
    stores.load(1)
    stores.publish()
    assert is_behind()
    stores.prewarm()
    assert not is_behind()
    stores.load(2)
    stores.publish()
    assert is_behind()
