"""The check `readers_have_new_results_in_time`, and the sensor that has it evaluated."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import orjson
import pytest

from ouspark_assets.cache.keys import CURRENT_KEY, META, PREFIX
from ouspark_assets.orchestration.automation.cache_sensors import late_results_sensor
from ouspark_assets.orchestration.checks.timeliness import readers_have_new_results_in_time
from ouspark_assets.orchestration.resources import CacheServer, Development, Environment
from ouspark_assets.settings import load_settings
from ouspark_assets_tests.orchestration.automation.evaluation import (
    definitions,
    evaluate_sensor,
    store_index,
)
from ouspark_assets_tests.support.stores import Stores

LONG_AGO = datetime.now(UTC) - timedelta(minutes=45)
JUST_NOW = datetime.now(UTC)


def evaluate_check() -> dg.AssetCheckResult:
    result = readers_have_new_results_in_time(
        development=Development(), cache_server=CacheServer(), environment=Environment()
    )
    assert isinstance(result, dg.AssetCheckResult)
    return result


def late(result: dg.AssetCheckResult) -> object:
    return result.metadata["late releases"].value


def serve_releases(stores: Stores, *releases: str) -> None:
    stores.client.set(f"{PREFIX}:1-x:{META}", orjson.dumps({"releases": list(releases)}))
    stores.client.set(CURRENT_KEY, "1-x")


def evaluate(instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    return evaluate_sensor(late_results_sensor(load_settings().automation), instance, cursor)


def test_a_release_that_the_index_has_shown_too_long_is_late_until_the_cache_has_it(
    stores: Stores,
) -> None:
    store_index(
        stores.development,
        {"release": "long_ago", "first_seen_at": LONG_AGO},
        {"release": "just_now", "first_seen_at": JUST_NOW},
        {"release": "not_selected", "first_seen_at": LONG_AGO, "scheme": None},
    )
    before = evaluate_check()
    assert (before.passed, late(before)) == (False, ["long_ago"])
    assert before.severity is dg.AssetCheckSeverity.WARN
    serve_releases(stores, "long_ago")
    assert evaluate_check().passed


def test_the_maximum_delay_is_a_setting(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    store_index(stores.development, {"release": "a", "first_seen_at": LONG_AGO})
    monkeypatch.setenv("OUSPARK_SLA_MINUTES", "60")
    assert evaluate_check().passed


def test_the_check_fails_when_the_cache_is_unreachable(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_index(stores.development, {"release": "a", "first_seen_at": LONG_AGO})
    monkeypatch.setenv("OUSPARK_REDIS_URL", "redis://127.0.0.1:1/0")
    result = evaluate_check()
    assert not result.passed
    assert "The cache can't be reached" in str(result.description)


def test_the_check_is_evaluated_only_when_its_result_changes(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    store_index(stores.development, {"release": "a", "first_seen_at": LONG_AGO})
    became_late = evaluate(instance)
    assert len(became_late.run_requests) == 1
    still_late = evaluate(instance, became_late.cursor)
    assert (still_late.run_requests, still_late.skip_message) == ([], "Still late: a.")
    serve_releases(stores, "a")
    arrived = evaluate(instance, still_late.cursor)
    assert len(arrived.run_requests) == 1
    assert evaluate(instance, arrived.cursor).skip_message == "No release is late."


def test_the_job_evaluates_the_check_and_materializes_nothing(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    store_index(stores.development, {"release": "a", "first_seen_at": LONG_AGO})
    done = definitions().resolve_job_def("check_lateness").execute_in_process(instance=instance)
    (evaluation,) = done.get_asset_check_evaluations()
    assert done.success
    assert not evaluation.passed
    assert done.get_asset_materialization_events() == []
