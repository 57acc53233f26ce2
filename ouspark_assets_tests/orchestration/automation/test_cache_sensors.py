"""The sensors `new_publication` and `cold_cache`: when they request a prewarm, and when not."""

import json
import time
from typing import Any

import dagster as dg
import pytest

from ouspark_assets.cache.keys import LAYOUT_VERSION
from ouspark_assets.orchestration.automation.cache_sensors import (
    CacheBackoff,
    cold_cache_sensor,
    new_publication_sensor,
)
from ouspark_assets.orchestration.keys import PUBLICATION
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.publication.publications import last_publication
from ouspark_assets.warehouse.publication.publish_transaction import Terms
from ouspark_assets.warehouse.publication.rollback import roll_back
from ouspark_assets_tests.orchestration.automation.evaluation import (
    definitions,
    evaluate_sensor,
    submit_run,
)
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN, Stores

FRESH, UNREACHABLE_CACHE = (
    "The cache serves the newest publication, or there is none yet.",
    "redis://127.0.0.1:1/0",
)


@pytest.fixture
def published(stores: Stores) -> Stores:
    """Stores with publication 1, an hour old, which the cache serves."""
    stores.load(1)
    stores.publish()
    make_publications_older(stores)
    stores.prewarm()
    return stores


def make_publications_older(stores: Stores) -> None:
    stores.production.execute(
        "UPDATE ops.publications SET published_at = published_at - interval '1 hour'"
    )


def evaluate_new_publication(instance: dg.DagsterInstance) -> Any:
    instance.report_runless_asset_event(dg.AssetMaterialization(PUBLICATION))
    return evaluate_sensor(new_publication_sensor(load_settings().automation), instance)


def evaluate_cold_cache(instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    return evaluate_sensor(cold_cache_sensor(load_settings().automation), instance, cursor)


def test_a_new_publication_is_prewarmed(instance: dg.DagsterInstance, published: Stores) -> None:
    published.load(2)
    published.publish()
    (request,) = evaluate_new_publication(instance).run_requests
    assert request.run_key.split()[0] == name_of_newest_generation(published)


def name_of_newest_generation(published: Stores) -> str:
    newest = last_publication(published.production)
    assert newest is not None
    return f"{newest.number}-{newest.checksum[:8]}-{LAYOUT_VERSION}"


def test_nothing_is_started_when_the_cache_serves_the_newest_publication(
    instance: dg.DagsterInstance, published: Stores
) -> None:
    for seen in (evaluate_new_publication(instance), evaluate_cold_cache(instance)):
        assert (seen.run_requests, seen.skip_message) == ([], FRESH)


def test_nothing_is_started_before_the_first_publication(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    assert evaluate_cold_cache(instance).skip_message == FRESH


@pytest.mark.parametrize("job", ["prewarm", "follow_up"])
def test_nothing_is_started_while_another_run_will_prewarm(
    instance: dg.DagsterInstance, published: Stores, job: str
) -> None:
    published.client.flushdb()
    run = submit_run(instance, job)
    for seen in (evaluate_new_publication(instance), evaluate_cold_cache(instance)):
        assert seen.run_requests == []
        assert run.run_id in seen.skip_message


def test_a_lost_cache_is_rebuilt_by_one_run(
    instance: dg.DagsterInstance, published: Stores
) -> None:
    published.client.flushdb()
    first, second = evaluate_cold_cache(instance), evaluate_cold_cache(instance)
    assert len(first.run_requests) == 1
    assert first.run_requests[0].run_key == second.run_requests[0].run_key
    job = definitions().resolve_job_def("prewarm")
    assert job.execute_in_process(instance=instance).success
    assert evaluate_cold_cache(instance).skip_message == FRESH
    assert published.is_consistent()


def test_a_single_missing_key_is_detected(instance: dg.DagsterInstance, published: Stores) -> None:
    gone = next(published.client.scan_iter("ouspark:*:student:*"))
    published.client.delete(gone)
    assert len(evaluate_cold_cache(instance).run_requests) == 1


def test_a_publication_restored_by_rollback_is_prewarmed(
    instance: dg.DagsterInstance, published: Stores
) -> None:
    published.load(2)
    published.publish()
    published.prewarm()
    roll_back(published.production, PUBLISHED_TABLES, 1, "test", Terms())
    assert "new_publication prewarms it" in evaluate_cold_cache(instance).skip_message
    make_publications_older(published)
    (request,) = evaluate_cold_cache(instance).run_requests
    assert request.run_key.split()[0] == name_of_newest_generation(published)
    assert request.run_key.startswith("3-")


def test_an_unreachable_cache_is_tried_with_exponential_backoff(
    instance: dg.DagsterInstance, published: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = load_settings().servers.redis_url
    assert url is not None
    monkeypatch.setenv("OUSPARK_REDIS_URL", UNREACHABLE_CACHE)
    waits, cursor = [], None
    for _ in range(6):
        seen = evaluate_cold_cache(instance, cursor)
        assert "The cache can't be reached" in seen.skip_message
        backoff = json.loads(seen.cursor)
        waits.append(round(backoff["asked_again_at"] - time.time()))
        assert "next try" in evaluate_cold_cache(instance, seen.cursor).skip_message
        cursor = json.dumps(backoff | {"asked_again_at": 0})
    assert waits == pytest.approx([30, 60, 120, 240, 300, 300], abs=5)
    monkeypatch.setenv("OUSPARK_REDIS_URL", url.get_secret_value())
    assert evaluate_cold_cache(instance, cursor).cursor == CacheBackoff().to_json()


def test_an_unreachable_production_database_is_the_reason_to_skip(
    instance: dg.DagsterInstance, published: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_PROD_DSN", UNREACHABLE_DSN)
    for seen in (evaluate_new_publication(instance), evaluate_cold_cache(instance)):
        assert seen.run_requests == []
        assert "The production database can't be reached" in seen.skip_message
