"""The facts of Dagster's storage: failed runs and checks, and the runs that repaired them."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
)

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.orchestration.automation.dagster_facts import (
    read_failed_checks,
    read_failed_runs,
    read_index_outages,
    read_latest_scrapes,
)
from ouspark_assets.orchestration.automation.ingestion import NEW_RESULTS_SENSOR, IndexCursor
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets_tests.operations.alerts.pipeline_events import FailingAssets
from ouspark_assets_tests.orchestration.automation.evaluation import definitions
from ouspark_assets_tests.support.stores import RELEASE

OLDER = "20240402"


def test_a_failed_run_is_a_fact_until_its_asset_succeeds(instance: dg.DagsterInstance) -> None:
    assets = FailingAssets()
    boom, assets.error = assets.error, None
    assets.run(instance)
    assets.error = boom
    assets.run(instance)
    latest = assets.run(instance)
    (failed,) = read_failed_runs(instance)
    assert (failed.name, failed.release, failed.run_id) == ("clean/marks", None, latest)
    assert failed.error == "ValueError: boom"
    assets.error = None
    assets.run(instance)
    assert read_failed_runs(instance) == []


def test_a_failed_run_of_a_release_is_repaired_only_by_that_release(
    instance: dg.DagsterInstance,
) -> None:
    register_releases(instance, [RELEASE, OLDER])
    assets = FailingAssets(partitioned=True)
    assets.run(instance, RELEASE)
    assets.error = None
    assets.run(instance, OLDER)
    assert [(run.name, run.release) for run in read_failed_runs(instance)] == [
        ("clean/marks", RELEASE)
    ]
    assets.run(instance, RELEASE)
    assert read_failed_runs(instance) == []


def test_a_killed_run_is_a_failed_run(instance: dg.DagsterInstance) -> None:
    job = dg.Definitions(assets=FailingAssets().assets).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(run, "gone")
    (failed,) = read_failed_runs(instance)
    assert failed.error == "it was killed, or could not start"
    assert failed.run_id == run.run_id


def test_the_message_of_an_error_of_ouspark_is_kept_unchanged(instance: dg.DagsterInstance) -> None:
    assets = FailingAssets()
    assets.error = SiteError("The site is down: try later.")
    assets.run(instance)
    assert [run.error for run in read_failed_runs(instance)] == ["The site is down: try later."]


def test_a_run_that_failed_only_for_a_check_is_a_failed_check(instance: dg.DagsterInstance) -> None:
    assets = FailingAssets()
    key = dg.AssetCheckKey(dg.AssetKey(["clean", "marks"]), "fits_its_model")
    assets.set_check_result(passed=False)
    assets.run(instance)
    assert read_failed_runs(instance) == []
    (failed,) = read_failed_checks(instance, [key])
    assert (failed.asset, failed.check, failed.is_error) == ("clean/marks", "fits_its_model", True)
    assert failed.summary == "broken rules: grade: isin; rows: 7"
    assets.set_check_result(passed=True)
    assets.run(instance)
    assert read_failed_checks(instance, [key]) == []


def test_the_latest_scrape_of_each_release_is_a_fact(instance: dg.DagsterInstance) -> None:
    def record_scrape(release: str, **counts: int) -> None:
        metadata = {name.replace("_", " "): count for name, count in counts.items()}
        event = dg.AssetMaterialization(RESULT_PAGES, partition=release, metadata=metadata)
        instance.report_runless_asset_event(event)

    record_scrape(RELEASE, found=1, not_found=1, no_change=0, failed=98, archived_before=0)
    record_scrape(OLDER, found=5, failed=0)
    record_scrape(RELEASE, found=50, not_found=20, no_change=10, failed=4, archived_before=16)
    found = {
        scrape.release: (scrape.tickets, scrape.failed) for scrape in read_latest_scrapes(instance)
    }
    assert found == {RELEASE: (100, 4), OLDER: (5, 0)}


def store_tick(instance: dg.DagsterInstance, cursor: IndexCursor, at: datetime) -> None:
    """Store the state that the daemon keeps of the sensor `new_results` after a tick."""
    (sensor,) = (one for one in definitions().sensors or () if one.name == NEW_RESULTS_SENSOR)
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(
            RegisteredCodeLocationOrigin("ouspark_assets.definitions"), "__repository__"
        ),
        sensor.name,
    )
    data = SensorInstigatorData(
        last_tick_timestamp=at.timestamp(), min_interval=60, cursor=cursor.to_json()
    )
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)
    if instance.get_instigator_state(origin.get_id(), state.selector_id):
        instance.update_instigator_state(state)
    else:
        instance.add_instigator_state(state)


def test_an_unreadable_index_page_is_a_fact_while_its_sensor_runs() -> None:
    with dg.instance_for_test() as instance:
        now = datetime(2026, 11, 21, 12, tzinfo=UTC)
        down = IndexCursor(unreadable_since="2026-11-21 11:00 UTC", unreadable_because="HTTP 503")
        assert read_index_outages(instance, now) == []
        store_tick(instance, down, now - timedelta(minutes=9))
        (outage,) = read_index_outages(instance, now)
        assert (outage.since, outage.reason) == (now - timedelta(hours=1), "HTTP 503")
        # The daemon has been stopped since: its last tick says nothing about the site now.
        assert read_index_outages(instance, now + timedelta(hours=1)) == []
        store_tick(instance, IndexCursor(sha256="of the page"), now)
        assert read_index_outages(instance, now) == []
