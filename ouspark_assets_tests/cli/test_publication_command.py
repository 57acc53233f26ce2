"""`ouspark publication` and `ouspark cache` as people call them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ouspark_assets.cli.cache import cache
from ouspark_assets.cli.publication import publication
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets_tests.support.stores import StoreAddresses, Stores


@pytest.fixture
def stores(store_addresses: StoreAddresses) -> Iterator[Stores]:
    """Return connections to stores at publication 2, prewarmed."""
    with store_addresses.connect() as stores:
        for number in (1, 2):
            stores.load(number)
            stores.publish()
        stores.prewarm()
        yield stores


def said(result: Result) -> str:
    assert result.exception is None, result.exception
    return result.output


@pytest.mark.usefixtures("stores")
def test_the_publications_are_listed_newest_first_with_what_can_be_brought_back() -> None:
    listed = json.loads(said(CliRunner().invoke(publication, ["list", "--json"])))
    assert listed["held"] is None
    assert [it["number"] for it in listed["publications"]] == [2, 1]
    assert [it["can_be_brought_back"] for it in listed["publications"]] == [False, True]
    assert listed["publications"][0]["tables"]["clean.students"]["rows"] == 300
    assert "changes" in said(CliRunner().invoke(publication, []))


def test_a_rollback_moves_production_and_cache_and_shows_the_hold(stores: Stores) -> None:
    assert "publication 1" in said(CliRunner().invoke(publication, ["rollback", "1"]))
    name = stores.client.get("ouspark:current").decode()
    assert name.startswith("3-")
    assert b"STATE 1" in stores.client.get(f"ouspark:{name}:student:160499733001")
    assert "Publishing is held" in said(CliRunner().invoke(publication, ["list"]))
    assert "is resumed" in said(CliRunner().invoke(publication, ["resume"]))
    assert "was not held" in said(CliRunner().invoke(publication, ["resume"]))


def test_a_difference_is_named_repaired_and_gone(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert "as published" in said(CliRunner().invoke(publication, ["verify"]))
    stores.production.execute(
        "UPDATE clean.students SET name = 'X' WHERE hall_ticket = '160499733007'"
    )
    found = CliRunner().invoke(publication, ["verify"])
    assert isinstance(found.exception, OuSparkError)
    assert "publish --full" in str(found.exception)
    assert "hall_ticket 160499733007: differs" in found.output
    repaired = said(CliRunner().invoke(publication, ["publish", "--full"]))
    assert "Publication 3: 1 rows changed" in repaired
    assert stores.is_consistent()


@pytest.mark.usefixtures("stores")
def test_a_number_that_can_not_be_brought_back_is_one_line() -> None:
    refused = CliRunner().invoke(publication, ["rollback", "7"])
    assert isinstance(refused.exception, OuSparkError)
    assert "those that can: 1" in str(refused.exception)


def test_the_administrators_script_is_printed() -> None:
    script = said(CliRunner().invoke(publication, ["roles"]))
    assert "CREATE ROLE ouspark_publisher" in script
    assert "PASSWORD '...'" in script


def test_the_status_of_the_cache_says_what_readers_are_given(stores: Stores) -> None:
    status = json.loads(said(CliRunner().invoke(cache, ["status", "--json"])))
    assert (status["publication"], status["current"], status["complete"]) == (2, True, True)
    assert status["counts"]["student"] == 300
    stores.load(3)
    stores.publish()
    assert "already at publication 3" in said(CliRunner().invoke(cache, ["status"]))
    assert "of publication 3" in said(CliRunner().invoke(cache, ["rebuild"]))


def test_a_changed_value_in_the_cache_is_named(stores: Stores) -> None:
    assert "300" in said(CliRunner().invoke(cache, ["verify"]))
    name = stores.client.get("ouspark:current").decode()
    stores.client.set(f"ouspark:{name}:student:160499733007", "{}")
    stores.client.set(f"ouspark:{name}:student:unknown", "{}")
    found = CliRunner().invoke(cache, ["verify"])
    assert isinstance(found.exception, OuSparkError)
    assert "student:160499733007: differs from production" in found.output
    assert "1 keys that belong to no document" in found.output
    said(CliRunner().invoke(cache, ["rebuild"]))
    said(CliRunner().invoke(cache, ["verify", "--every", "10"]))


def test_an_empty_cache_is_said_to_be_empty(stores: Stores) -> None:
    stores.client.flushdb()
    assert "no current generation" in said(CliRunner().invoke(cache, ["status"]))
    refused = CliRunner().invoke(cache, ["verify"])
    assert isinstance(refused.exception, OuSparkError)
