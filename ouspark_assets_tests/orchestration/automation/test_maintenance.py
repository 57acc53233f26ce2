"""The jobs that keep the house, each run for real; and when they are due."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def run(instance: dg.DagsterInstance, job: str) -> dg.ExecuteInProcessResult:
    definition = definitions().resolve_job_def(job)
    return definition.execute_in_process(instance=instance, raise_on_error=False)


def test_production_that_is_as_published_is_verified_and_a_changed_row_fails_the_run(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    stores.load(1)
    stores.publish()
    assert run(instance, "verify_production").success
    stores.production.execute(
        "UPDATE clean.students SET name = 'NOBODY' WHERE hall_ticket LIKE '%001'"
    )
    done = run(instance, "verify_production")
    (failure,) = done.get_step_failure_events()
    said = str(failure.step_failure_data.error)
    assert "differs from publication 1 (clean.students: 1 rows differ)" in said
    assert "ouspark publication publish --full" in said
    assert "160499733001" not in said


def test_small_parts_become_one_and_every_answer_stays(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    archive = PageArchive(load_settings().servers.lake_location)
    for number in range(3):
        ticket, now = f"16049973300{number}", datetime.now(UTC)
        answer = ArchivedAnswer(ticket, Outcome.FOUND, 200, now, 1, 1, b"<html></html>")
        archive.write("a", [answer])
    before = archive.answers("a")
    assert run(instance, "compact_lake").success
    assert len(archive.parts("a")) == 1
    assert_frame_equal(archive.answers("a"), before)


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(
    request: pytest.FixtureRequest,
    servers: Endpoints,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dg.DagsterInstance]:
    """The instance that `dagster.yaml` describes, on either storage."""
    root = Path(__file__).resolve().parents[3]
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(root))
    with dagster_database(servers) as dsn:
        if request.param == "postgresql":
            monkeypatch.setenv("OUSPARK_DAGSTER_DSN", dsn)
        with dg.DagsterInstance.get() as instance:
            yield instance


def test_old_events_go_and_what_is_known_of_assets_stays(
    kept: dg.DagsterInstance, tmp_path: Path
) -> None:
    @dg.asset(key=ASSET, check_specs=[dg.AssetCheckSpec("fits", asset=ASSET)])
    def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        context.log.info("something worth a line")
        result = dg.AssetCheckResult(check_name="fits", passed=True)
        return dg.MaterializeResult(metadata={"rows": 7}, check_results=[result])

    done = dg.materialize([table], instance=kept)
    assert len(kept.all_logs(done.run_id)) > 5
    printed = tmp_path / "home" / "dagster" / "logs" / "any" / "stdout"
    printed.parent.mkdir(parents=True, exist_ok=True)
    printed.touch()

    untouched = prune(kept, [], datetime.now(UTC) - SOON)
    assert (untouched.events, untouched.files) == (0, 0)
    assert len(kept.all_logs(done.run_id)) > 5

    pruned = prune(kept, [done.run_id], datetime.now(UTC) + SOON)
    assert pruned.events > 0
    assert not printed.exists()
    kinds = {
        str(it.dagster_event and it.dagster_event.event_type_value)
        for it in kept.all_logs(done.run_id)
    }
    assert all(kind.startswith("ASSET") for kind in kinds)
    latest = kept.get_latest_materialization_event(ASSET)
    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["rows"].value == 7
    check = dg.AssetCheckKey(ASSET, "fits")
    (record,) = kept.event_log_storage.get_asset_check_execution_history(check, limit=5)
    assert record.evaluation is not None


def test_the_instance_takes_turns_and_ends_and_retries_runs_as_it_should(
    kept: dg.DagsterInstance,
) -> None:
    queue = kept.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 1
    limited = {limit["key"] for limit in queue.tag_concurrency_limits}
    assert limited == {*SCRAPES, *PUBLISHES}
    assert kept.run_monitoring_enabled
    assert kept.run_monitoring_max_runtime_seconds == 6 * 3600
    # For workers that crashed; what failed in an asset would fail again.
    assert (kept.run_retries_enabled, kept.run_retries_max_retries) == (True, 2)
    assert not kept.run_retries_retry_on_asset_or_op_failure


def test_pruning_leaves_what_is_younger_than_the_setting(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    assert run(instance, "prune_history").success
    done = run(instance, "prune_history")
    assert done.success
    assert len(instance.all_logs(done.run_id)) > 5


def test_what_is_due_when_is_told_in_the_time_of_the_university() -> None:
    schedules = {it.name: it for it in definitions().schedules or ()}
    assert {name: it.cron_schedule for name, it in schedules.items()} == {
        "fill_up": "*/15 * * * *",
        "nightly_refresh": "30 2 * * *",
        "weekly_verification": "30 3 * * 0",
        "monthly_compaction": "30 4 1 * *",
        "monthly_pruning": "30 5 1 * *",
    }
    assert {it.execution_timezone for it in schedules.values()} == {"Asia/Kolkata"}


def test_the_nightly_refresh_compares_every_row() -> None:
    repository = definitions().get_repository_def()
    schedule = repository.get_schedule_def("nightly_refresh")
    context = dg.build_schedule_context(scheduled_execution_time=datetime.now(UTC))
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    job = repository.get_job(schedule.job_name)
    checked = dg.validate_run_config(job, run_config=dict(request.run_config))
    assert checked["ops"]["production__publication"]["config"]["full"] is True


@pytest.mark.parametrize(("setting", "status"), [("true", "RUNNING"), ("false", "STOPPED")])
def test_one_setting_says_whether_anything_happens_by_itself(
    monkeypatch: pytest.MonkeyPatch, setting: str, status: str
) -> None:
    monkeypatch.setenv("OUSPARK_AUTOMATION", setting)
    graph = build_definitions()
    found = {it.default_status.value for it in (*(graph.sensors or ()), *(graph.schedules or ()))}
    assert found == {status}


def test_every_sensor_schedule_and_job_explains_itself() -> None:
    repository = definitions().get_repository_def()
    named = [*repository.sensor_defs, *repository.schedule_defs, *repository.get_all_jobs()]
    silent = [it.name for it in named if not it.description and not it.name.startswith("__")]
    assert silent == []
