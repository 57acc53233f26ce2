"""`ouspark publication` and `ouspark cache`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ouspark_assets.cli.commands import cache, publication
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


def refused_json(result: Result) -> Any:
    """Return the JSON of a command that found a difference and failed because of it."""
    assert result.exit_code != 0
    assert isinstance(result.exception, OuSparkError)
    return json.loads(result.output)


def output_of(result: Result) -> str:
    assert result.exception is None, result.exception
    return result.output


@pytest.mark.usefixtures("stores")
def test_publications_are_listed_newest_first_with_those_that_can_be_restored() -> None:
    listed = json.loads(output_of(CliRunner().invoke(publication, ["list", "--json"])))
    assert listed["held"] is None
    shown = [(row["number"], row["can_be_brought_back"]) for row in listed["publications"]]
    assert shown == [(2, False), (1, True)]
    assert listed["publications"][0]["tables"]["clean.students"]["rows"] == 300
    assert "changes" in output_of(CliRunner().invoke(publication, []))


def test_a_rollback_changes_production_and_cache_and_holds_publishing(stores: Stores) -> None:
    assert "publication 1" in output_of(CliRunner().invoke(publication, ["rollback", "1"]))
    name = stores.client.get("ouspark:current").decode()
    assert name.startswith("3-")
    assert b"STATE 1" in stores.client.get(f"ouspark:{name}:student:160499733001")
    assert "Publishing has been held" in output_of(CliRunner().invoke(publication, ["list"]))
    assert "is resumed" in output_of(CliRunner().invoke(publication, ["resume"]))
    assert "was not held" in output_of(CliRunner().invoke(publication, ["resume"]))


def test_a_changed_row_is_named_and_repaired_by_a_full_publication(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert "as published" in output_of(CliRunner().invoke(publication, ["verify"]))
    stores.production.execute(
        "UPDATE clean.students SET name = 'X' WHERE hall_ticket = '160499733007'"
    )
    found = CliRunner().invoke(publication, ["verify"])
    assert isinstance(found.exception, OuSparkError)
    assert "publish --full" in str(found.exception)
    assert "hall_ticket 160499733007: differs" in found.output
    shown = refused_json(CliRunner().invoke(publication, ["verify", "--json"]))
    assert (shown["publication"], shown["clean"]) == (2, False)
    differing = {table["name"]: len(table["differences"]) for table in shown["tables"]}
    assert {name: count for name, count in differing.items() if count} == {"clean.students": 1}
    repaired = output_of(CliRunner().invoke(publication, ["publish", "--full"]))
    assert "Publication 3: 1 rows changed" in repaired
    assert stores.is_consistent()
    shown = json.loads(output_of(CliRunner().invoke(publication, ["verify", "--json"])))
    assert (shown["publication"], shown["clean"]) == (3, True)


@pytest.mark.usefixtures("stores")
def test_a_publication_that_cannot_be_restored_is_refused_with_those_that_can() -> None:
    refused = CliRunner().invoke(publication, ["rollback", "7"])
    assert isinstance(refused.exception, OuSparkError)
    assert "Possible publications: 1" in str(refused.exception)


def test_the_script_that_creates_the_roles_is_printed() -> None:
    script = output_of(CliRunner().invoke(publication, ["roles"]))
    assert "CREATE ROLE ouspark_publisher" in script
    assert "PASSWORD '...'" in script


def test_the_cache_status_compares_the_generation_with_production(stores: Stores) -> None:
    status = json.loads(output_of(CliRunner().invoke(cache, ["status", "--json"])))
    assert (status["publication"], status["current"], status["complete"]) == (2, True, True)
    assert status["counts"]["student"] == 300
    stores.load(3)
    stores.publish()
    assert "production has publication 3" in output_of(CliRunner().invoke(cache, ["status"]))
    assert "of publication 3" in output_of(CliRunner().invoke(cache, ["rebuild"]))


def test_changed_and_unknown_keys_are_named_and_repaired_by_a_rebuild(stores: Stores) -> None:
    assert "300" in output_of(CliRunner().invoke(cache, ["verify"]))
    name = stores.client.get("ouspark:current").decode()
    stores.client.set(f"ouspark:{name}:student:160499733007", "{}")
    stores.client.set(f"ouspark:{name}:student:unknown", "{}")
    found = CliRunner().invoke(cache, ["verify"])
    assert isinstance(found.exception, OuSparkError)
    assert "student:160499733007 differs from production" in found.output
    assert "Keys that belong to no document: 1" in found.output
    shown = refused_json(CliRunner().invoke(cache, ["verify", "--json"]))
    assert shown["clean"] is False
    assert {kind["kind"]: kind["differing"] for kind in shown["kinds"]}["student"] == 1
    output_of(CliRunner().invoke(cache, ["rebuild"]))
    output_of(CliRunner().invoke(cache, ["verify", "--every", "10"]))
    assert json.loads(output_of(CliRunner().invoke(cache, ["verify", "--json"])))["clean"]


def test_an_empty_cache_is_reported(stores: Stores) -> None:
    stores.client.flushdb()
    assert "no current generation" in output_of(CliRunner().invoke(cache, ["status"]))
    refused = CliRunner().invoke(cache, ["verify"])
    assert isinstance(refused.exception, OuSparkError)
