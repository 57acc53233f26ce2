"""Gathering the facts of two databases, a cache and Dagster, and of those that can be reached."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from ouspark_assets.operations.alerts.database_facts import NEWS_PERIOD
from ouspark_assets.operations.alerts.facts import Facts
from ouspark_assets.orchestration.automation.alert_facts import FactSources, gather_facts
from ouspark_assets.warehouse.publication.publications import hold_publishing
from ouspark_assets_tests.operations.alerts.pipeline_events import (
    FailingAssets,
    load_index,
    record_load,
)
from ouspark_assets_tests.support.stores import RELEASE, Stores

OLDER, OLDEST = "20250201", "20250101"


def gather_all(instance: dg.DagsterInstance) -> Facts:
    """Return the facts, none of which may be missing."""
    facts = gather_facts(FactSources(instance, ()))
    assert facts.unavailable == ()
    return facts


def behind_since(instance: dg.DagsterInstance) -> tuple[datetime | None, datetime | None]:
    """Return since when production and the cache have been behind."""
    facts = gather_all(instance)
    assert facts.publication is not None
    assert facts.cache is not None
    return facts.publication.behind_since, facts.cache.behind_since


def test_production_and_cache_are_behind_from_the_time_of_the_change(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    assert behind_since(instance) == (None, None)
    record_load(stores.development, RELEASE, 300)
    before = datetime.now(UTC)
    stores.load(1)
    since, _ = behind_since(instance)
    assert since is not None
    assert before <= since <= datetime.now(UTC)
    stores.publish()
    is_published, since = behind_since(instance)
    assert is_published is None
    assert since is not None
    stores.prewarm()
    assert behind_since(instance) == (None, None)
    # A change of a table that is not published makes nothing stale.
    stores.development.execute(
        "INSERT INTO ops.versions VALUES (999, 'run', '{clean.quarantine}', now())"
    )
    assert behind_since(instance) == (None, None)
    hold_publishing(stores.production, 1)
    publication = gather_all(instance).publication
    assert publication is not None
    assert str(publication.hold).startswith("Publishing has been held since")


def test_students_are_compared_with_the_same_session_a_year_before(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    years = {RELEASE: (2025, 60), "20240402": (2024, 100)}
    load_index(
        stores.development, *({"release": key, "session_year": years[key][0]} for key in years)
    )
    for release, (_, students) in years.items():
        record_load(stores.development, release, students)
    volumes = gather_all(instance).volumes
    assert volumes is not None
    (volume,) = volumes.year_before
    assert (volume.count, volume.baseline_count) == (60, 100)
    assert volume.baseline == "in 20240402 a year before"


def test_a_new_release_is_live_once_the_cache_has_it(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    """A release that was on the index before the first publication is loaded without news."""
    development, beginning = stores.development, datetime.now(UTC) - timedelta(days=9)
    old = [{"release": key, "first_seen_at": beginning} for key in (OLDEST, OLDER)]
    load_index(development, *old)
    record_load(development, OLDEST, 10)
    stores.load(1)
    stores.publish()
    stores.prewarm()
    assert gather_all(instance).live_releases == []
    load_index(development, *old, {"release": RELEASE, "first_seen_at": datetime.now(UTC)})
    listed = gather_all(instance).listed_releases or ()
    assert {release.release: release.is_served for release in listed} == {
        OLDEST: True,
        OLDER: False,
        RELEASE: False,
    }
    record_load(development, OLDER, 20)
    record_load(development, RELEASE, 1204)
    stores.load(2)
    stores.publish()
    assert gather_all(instance).live_releases == []
    stores.prewarm()
    (live,) = gather_all(instance).live_releases or ()
    assert (live.release, live.students, live.publication) == (RELEASE, 1204, 2)
    assert live.title == "B.E. (CBCS) I Sem. (Main) Feb-2025 Results"
    stores.production.execute(
        "UPDATE ops.publications SET published_at = published_at - %s::interval", (NEWS_PERIOD,)
    )
    assert gather_all(instance).live_releases == []


def test_facts_of_reachable_servers_are_read_while_another_is_down(
    instance: dg.DagsterInstance, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    FailingAssets().run(instance)
    for gone in ("OUSPARK_DEV_DSN", "OUSPARK_PROD_DSN", "OUSPARK_REDIS_URL"):
        at = "redis://:" if "REDIS" in gone else "postgresql://me:"
        with monkeypatch.context() as patch:
            patch.setenv(gone, f"{at}hunter2@127.0.0.1:1/0")
            facts = gather_facts(FactSources(instance, ()))
        (why,) = facts.unavailable
        assert "can't be reached" in why
        assert "hunter2" not in why
        assert len(facts.failed_runs or ()) == 1
        assert (facts.stage_durations is None) == (gone == "OUSPARK_DEV_DSN")
        assert (facts.cache is None) == (gone != "OUSPARK_DEV_DSN")
        assert facts.live_releases is None
