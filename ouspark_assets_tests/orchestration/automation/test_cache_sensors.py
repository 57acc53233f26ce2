"""The two sensors on the cache: what they start, and what they leave to others."""

import json
import time
from typing import Any

import dagster as dg
import pytest

from ouspark_assets.orchestration.automation.cache_sensors import (
    CacheBackoff,
    cold_cache_sensor,
    new_publication_sensor,
)
from ouspark_assets.orchestration.keys import PUBLICATION
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.publication.publish import Terms
from ouspark_assets.warehouse.publication.rollback import roll_back
from ouspark_assets_tests.orchestration.automation.evaluation import (
    definitions,
    evaluate_sensor,
    submit_run,
)
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN, Stores

FRESH, COLD = (
    "The cache serves the newest publication, or there is none yet.",
    "redis://127.0.0.1:1/0",
)


@pytest.fixture
def published(stores: Stores) -> Stores:
    """Publication 1, an hour old, and a cache that carries it."""
    stores.load(1)
    stores.publish()
    grow_old(stores)
    stores.prewarm()
    return stores


def grow_old(stores: Stores) -> None:
    stores.production.execute(
        "UPDATE ops.publications SET published_at = published_at - interval '1 hour'"
    )


def look_at_publications(instance: dg.DagsterInstance) -> Any:
    instance.report_runless_asset_event(dg.AssetMaterialization(PUBLICATION))
    return evaluate_sensor(new_publication_sensor(load_settings().automation), instance)


def look_at_the_cache(instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    return evaluate_sensor(cold_cache_sensor(load_settings().automation), instance, cursor)


def test_a_new_publication_is_prewarmed(instance: dg.DagsterInstance, published: Stores) -> None:
    published.load(2)
    published.publish()
    (request,) = look_at_publications(instance).run_requests
    assert request.run_key.startswith("2-")


def test_a_publication_that_the_cache_carries_starts_nothing(
    instance: dg.DagsterInstance, published: Stores
) -> None:
    for seen in (look_at_publications(instance), look_at_the_cache(instance)):
        assert (seen.run_requests, seen.skip_message) == ([], FRESH)


def test_before_the_first_publication_there_is_nothing_to_do(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    assert look_at_the_cache(instance).skip_message == FRESH


@pytest.mark.parametrize("job", ["prewarm", "follow_up"])
def test_nothing_is_started_beside_a_run_that_brings_it(
    instance: dg.DagsterInstance, published: Stores, job: str
) -> None:
    published.client.flushdb()
    run = submit_run(instance, job)
    for seen in (look_at_publications(instance), look_at_the_cache(instance)):
        assert seen.run_requests == []
        assert run.run_id in seen.skip_message


def test_a_cache_that_was_lost_is_built_again_by_one_run(
    instance: dg.DagsterInstance, published: Stores
) -> None:
    published.client.flushdb()
    first, second = look_at_the_cache(instance), look_at_the_cache(instance)
    assert len(first.run_requests) == 1
    assert first.run_requests[0].run_key == second.run_requests[0].run_key
    job = definitions().resolve_job_def("prewarm")
    assert job.execute_in_process(instance=instance).success
    assert look_at_the_cache(instance).skip_message == FRESH
    assert published.is_consistent()


def test_a_key_that_is_gone_is_noticed(instance: dg.DagsterInstance, published: Stores) -> None:
    gone = next(published.client.scan_iter("ouspark:*:student:*"))
    published.client.delete(gone)
    assert len(look_at_the_cache(instance).run_requests) == 1


def test_a_publication_brought_back_by_command_reaches_the_cache(
    instance: dg.DagsterInstance, published: Stores
) -> None:
    published.load(2)
    published.publish()
    published.prewarm()
    roll_back(published.production, PUBLISHED_TABLES, 1, "test", Terms())
    assert "new_publication prewarms it" in look_at_the_cache(instance).skip_message
    grow_old(published)
    (request,) = look_at_the_cache(instance).run_requests
    assert request.run_key.startswith("3-")


def test_a_cache_that_is_down_is_asked_less_and_less_often(
    instance: dg.DagsterInstance, published: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = load_settings().servers.redis_url
    assert url is not None
    monkeypatch.setenv("OUSPARK_REDIS_URL", COLD)
    waits, cursor = [], None
    for _ in range(6):
        seen = look_at_the_cache(instance, cursor)
        assert "The cache can't be reached" in seen.skip_message
        trouble = json.loads(seen.cursor)
        waits.append(round(trouble["asked_again_at"] - time.time()))
        assert "next try" in look_at_the_cache(instance, seen.cursor).skip_message
        cursor = json.dumps(trouble | {"asked_again_at": 0})
    assert waits == pytest.approx([30, 60, 120, 240, 300, 300], abs=5)
    monkeypatch.setenv("OUSPARK_REDIS_URL", url.get_secret_value())
    assert look_at_the_cache(instance, cursor).cursor == CacheBackoff().to_json()


def test_production_that_is_down_is_one_line(
    instance: dg.DagsterInstance, published: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_PROD_DSN", UNREACHABLE_DSN)
    for seen in (look_at_publications(instance), look_at_the_cache(instance)):
        assert seen.run_requests == []
        assert "The production database can't be reached" in seen.skip_message
