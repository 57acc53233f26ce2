"""The maintenance jobs, each executed for real; their schedules; the settings of the instance."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.jobs import PUBLISHES, SCRAPES
from ouspark_assets.orchestration.storage.instance_storage import prune
from ouspark_assets.services import Endpoints
from ouspark_assets.settings import load_settings
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets_tests.orchestration.automation.evaluation import definitions
from ouspark_assets_tests.support.stores import Stores, dagster_database

ASSET = dg.AssetKey(["a", "table"])
SOON = timedelta(minutes=1)


def execute_job(instance: dg.DagsterInstance, job: str) -> dg.ExecuteInProcessResult:
    definition = definitions().resolve_job_def(job)
    return definition.execute_in_process(instance=instance, raise_on_error=False)


def test_verification_passes_on_published_rows_and_fails_on_a_changed_row(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    stores.load(1)
    stores.publish()
    assert execute_job(instance, "verify_production").success
    stores.production.execute(
        "UPDATE clean.students SET name = 'NOBODY' WHERE hall_ticket LIKE '%001'"
    )
    done = execute_job(instance, "verify_production")
    (failure,) = done.get_step_failure_events()
    message = str(failure.step_failure_data.error)
    assert "differs from publication 1 (clean.students: 1 rows differ)" in message
    assert "ouspark publication publish --full" in message
    assert "160499733001" not in message


def test_compaction_merges_parts_and_keeps_every_answer(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    archive = PageArchive(load_settings().servers.lake_location)
    for number in range(3):
        ticket, now = f"16049973300{number}", datetime.now(UTC)
        answer = ArchivedAnswer(ticket, Outcome.FOUND, 200, now, 1, 1, b"<html></html>")
        archive.write("a", [answer])
    before = archive.answers("a")
    assert execute_job(instance, "compact_lake").success
    assert len(archive.parts("a")) == 1
    assert_frame_equal(archive.answers("a"), before)


@pytest.fixture(params=["sqlite", "postgresql"])
def configured_instance(
    request: pytest.FixtureRequest,
    servers: Endpoints,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dg.DagsterInstance]:
    """The instance that `dagster.yaml` configures, on either storage."""
    root = Path(__file__).resolve().parents[3]
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(root))
    with dagster_database(servers) as dsn:
        if request.param == "postgresql":
            monkeypatch.setenv("OUSPARK_DAGSTER_DSN", dsn)
        with dg.DagsterInstance.get() as instance:
            yield instance


def test_pruning_removes_old_events_and_keeps_those_of_assets(
    configured_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    @dg.asset(key=ASSET, check_specs=[dg.AssetCheckSpec("fits", asset=ASSET)])
    def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        context.log.info("a log line")
        result = dg.AssetCheckResult(check_name="fits", passed=True)
        return dg.MaterializeResult(metadata={"rows": 7}, check_results=[result])

    done = dg.materialize([table], instance=configured_instance)
    assert len(configured_instance.all_logs(done.run_id)) > 5
    printed = tmp_path / "home" / "dagster" / "logs" / "any" / "stdout"
    printed.parent.mkdir(parents=True, exist_ok=True)
    printed.touch()

    untouched = prune(configured_instance, [], datetime.now(UTC) - SOON)
    assert (untouched.events, untouched.files) == (0, 0)
    assert len(configured_instance.all_logs(done.run_id)) > 5

    pruned = prune(configured_instance, [done.run_id], datetime.now(UTC) + SOON)
    assert pruned.events > 0
    assert not printed.exists()
    kinds = {
        str(entry.dagster_event and entry.dagster_event.event_type_value)
        for entry in configured_instance.all_logs(done.run_id)
    }
    assert all(kind.startswith("ASSET") for kind in kinds)
    latest = configured_instance.get_latest_materialization_event(ASSET)
    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["rows"].value == 7
    check = dg.AssetCheckKey(ASSET, "fits")
    (record,) = configured_instance.event_log_storage.get_asset_check_execution_history(
        check, limit=5
    )
    assert record.evaluation is not None


def test_the_instance_queues_ends_and_retries_runs_as_configured(
    configured_instance: dg.DagsterInstance,
) -> None:
    queue = configured_instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 1
    limited = {limit["key"] for limit in queue.tag_concurrency_limits}
    assert limited == {*SCRAPES, *PUBLISHES}
    assert configured_instance.run_monitoring_enabled
    assert configured_instance.run_monitoring_max_runtime_seconds == 6 * 3600
    # Only crashed workers are retried; a failure in an asset would occur again.
    assert (
        configured_instance.run_retries_enabled,
        configured_instance.run_retries_max_retries,
    ) == (True, 2)
    assert not configured_instance.run_retries_retry_on_asset_or_op_failure


def test_pruning_keeps_events_younger_than_the_setting(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    first = execute_job(instance, "prune_history")
    assert first.success
    before = [event.message for event in instance.all_logs(first.run_id)]
    assert len(before) > 5
    second = execute_job(instance, "prune_history")
    assert [event.message for event in instance.all_logs(first.run_id)] == before
    messages = [event.message for event in instance.all_logs(second.run_id)]
    assert "Removed 0 events and 0 files older than 90 days." in messages


def test_schedules_run_in_the_time_zone_of_the_university() -> None:
    schedules = {schedule.name: schedule for schedule in definitions().schedules or ()}
    assert {name: schedule.cron_schedule for name, schedule in schedules.items()} == {
        "fill_up": "*/15 * * * *",
        "nightly_refresh": "30 2 * * *",
        "weekly_verification": "30 3 * * 0",
        "monthly_compaction": "30 4 1 * *",
        "monthly_pruning": "30 5 1 * *",
    }
    assert {schedule.execution_timezone for schedule in schedules.values()} == {"Asia/Kolkata"}


def test_the_nightly_refresh_compares_every_row() -> None:
    repository = definitions().get_repository_def()
    schedule = repository.get_schedule_def("nightly_refresh")
    context = dg.build_schedule_context(scheduled_execution_time=datetime.now(UTC))
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    job = repository.get_job(schedule.job_name)
    checked = dg.validate_run_config(job, run_config=dict(request.run_config))
    assert checked["ops"]["production__publication"]["config"]["full"] is True


@pytest.mark.parametrize(("setting", "status"), [("true", "RUNNING"), ("false", "STOPPED")])
def test_one_setting_starts_or_stops_all_automation(
    monkeypatch: pytest.MonkeyPatch, setting: str, status: str
) -> None:
    monkeypatch.setenv("OUSPARK_AUTOMATION", setting)
    graph = build_definitions()
    found = {
        schedule.default_status.value
        for schedule in (*(graph.sensors or ()), *(graph.schedules or ()))
    }
    assert found == {status}


def test_every_sensor_schedule_and_job_has_a_description() -> None:
    repository = definitions().get_repository_def()
    named: list[Any] = [
        *repository.sensor_defs,
        *repository.schedule_defs,
        *repository.get_all_jobs(),
    ]
    without = [
        definition.name
        for definition in named
        if not definition.description and not definition.name.startswith("__")
    ]
    assert without == []
