"""The sensor `unpublished_changes`: requests a follow-up for changes that were not published."""

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

NOTHING = "No changes to publish: all are published, on hold, or younger than 60 s."


@pytest.fixture
def changed(stores: Stores) -> Stores:
    """Stores with a release that was loaded an hour ago and not published."""
    stores.load(1)
    stores.development.execute(
        "INSERT INTO ops.loads (release, fingerprint, layout, run_id) VALUES ('a', '', '{}', '')"
    )
    stores.development.execute(
        "UPDATE ops.versions SET committed_at = committed_at - interval '1 hour'"
    )
    return stores


def evaluate(instance: dg.DagsterInstance) -> Any:
    return evaluate_sensor(unpublished_changes_sensor(load_settings().automation), instance)


def test_unpublished_changes_are_followed_up_by_one_run(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    first, second = evaluate(instance), evaluate(instance)
    assert len(first.run_requests) == 1
    assert first.run_requests[0].run_key == second.run_requests[0].run_key


def test_published_changes_are_not_followed_up(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    changed.publish()
    assert evaluate(instance).skip_message == NOTHING


def test_recent_changes_are_left_to_lineage(instance: dg.DagsterInstance, changed: Stores) -> None:
    changed.load(2)
    assert evaluate(instance).skip_message == NOTHING


def test_nothing_is_started_while_no_release_is_loaded(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    assert evaluate(instance).skip_message == NOTHING


def test_nothing_is_started_while_publishing_is_on_hold(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    changed.publish()
    hold_publishing(changed.production, 1)
    changed.load(2)
    changed.development.execute("UPDATE ops.versions SET committed_at = 'yesterday'")
    assert evaluate(instance).skip_message == NOTHING


def test_nothing_is_started_while_other_runs_are_queued_or_running(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    submit_run(instance, "bring_in_release", {"dagster/partition": "a"})
    assert evaluate(instance).skip_message == "Other runs are queued or running."


def test_a_failed_blocking_check_is_the_reason_to_skip(
    instance: dg.DagsterInstance, changed: Stores
) -> None:
    marks = next(key_of(table) for table in LOADED_TABLES if table.name == "marks")
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=marks, check_name="fits_its_model", passed=False, metadata={}
        )
    )
    assert evaluate(instance).skip_message == "Blocking checks failed: clean/marks: fits_its_model."


@pytest.mark.parametrize("side", ["DEV", "PROD"])
def test_an_unreachable_database_is_the_reason_to_skip(
    instance: dg.DagsterInstance, changed: Stores, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    monkeypatch.setenv(f"OUSPARK_{side}_DSN", UNREACHABLE_DSN)
    assert "can't be reached" in evaluate(instance).skip_message
