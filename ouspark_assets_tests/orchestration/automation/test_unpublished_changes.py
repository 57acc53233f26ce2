"""The sensor on changes that nobody has published."""

from typing import Any

import dagster as dg
import pytest

from ouspark_assets.orchestration.automation.lineage import unpublished_changes_sensor
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.pipeline.load import LOADED_TABLES
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.publication.publications import hold_publishing
from ouspark_assets_tests.orchestration.automation.evaluation import evaluate_sensor, submit_run
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN, Stores

NOTHING = "No changes to publish: all are published, on hold, or younger than 120 s."


@pytest.fixture
def changed(stores: Stores) -> Stores:
    """A release that was loaded an hour ago, and not published."""
    stores.load(1)
    stores.development.execute(
        "INSERT INTO ops.loads (release, fingerprint, layout, run_id) VALUES ('a', '', '{}', '')"
    )
    stores.development.execute(
        "UPDATE ops.versions SET committed_at = committed_at - interval '1 hour'"
    )
    return stores


def look(instance: dg.DagsterInstance) -> Any:
    return evaluate_sensor(unpublished_changes_sensor(load_settings().automation), instance)


def test_changes_that_stay_unpublished_are_followed_up_by_one_run(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    first, second = look(instance), look(instance)
    assert len(first.run_requests) == 1
    assert first.run_requests[0].run_key == second.run_requests[0].run_key


def test_what_has_been_published_is_not_followed_up(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    changed.publish()
    assert look(instance).skip_message == NOTHING


def test_what_has_just_been_loaded_is_left_to_lineage(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    changed.load(2)
    assert look(instance).skip_message == NOTHING


def test_a_database_into_which_nothing_was_loaded_publishes_nothing(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    assert look(instance).skip_message == NOTHING


def test_while_publishing_is_held_nothing_is_started(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    changed.publish()
    hold_publishing(changed.production, 1)
    changed.load(2)
    changed.development.execute("UPDATE ops.versions SET committed_at = 'yesterday'")
    assert look(instance).skip_message == NOTHING


def test_while_runs_are_under_way_nothing_is_started(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    submit_run(instance, "bring_in_release", {"dagster/partition": "a"})
    assert look(instance).skip_message == "Other runs are queued or running."


def test_a_failed_check_is_named_instead_of_failing_again(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    marks = next(key_of(table) for table in LOADED_TABLES if table.name == "marks")
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=marks, check_name="fits_its_model", passed=False, metadata={}
        )
    )
    assert look(instance).skip_message == "Blocking checks failed: clean/marks: fits_its_model."


@pytest.mark.parametrize("side", ["DEV", "PROD"])
def test_a_database_that_is_down_is_one_line(
    instance: dg.DagsterInstance, changed: Stores, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    monkeypatch.setenv(f"OUSPARK_{side}_DSN", UNREACHABLE_DSN)
    assert "can't be reached" in look(instance).skip_message
