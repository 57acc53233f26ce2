"""Liveness locks of runs: dead runs are detected at once and reported failed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest

from ouspark_assets.orchestration.executors import ownership
from ouspark_assets.orchestration.executors.executor import with_ownership
from ouspark_assets.orchestration.executors.ownership import (
    PROCESS_GONE,
    STAGE_NOT_ENDED,
    hold_liveness_lock,
    reap_dead_runs,
)
from ouspark_assets.orchestration.supervision.code_server import CodeServer
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets_tests.orchestration.automation.evaluation import definitions
from ouspark_assets_tests.support.waiting import wait_until_blocked

pytestmark = pytest.mark.usefixtures("only_development")
STARTED = dg.DagsterRunStatus.STARTED


def started_run(instance: dg.DagsterInstance) -> str:
    """Create a run that Dagster records as started; return its id."""
    job = definitions().resolve_job_def("read_index")
    run = instance.create_run_for_job(job)
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name, message="started")
    instance.report_dagster_event(started, run.run_id)
    assert status_of(instance, run.run_id) is STARTED
    return run.run_id


def run_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    return run_of(instance, run_id).status


def kill_after_locking(run_id: str) -> None:
    """Have another process take the liveness lock of a run, and kill it."""
    program = (
        "import sys, time\n"
        "from ouspark_assets.orchestration.executors.ownership import hold_liveness_lock\n"
        "from ouspark_assets.settings import load_settings\n"
        "hold_liveness_lock(sys.argv[1], load_settings().servers)\n"
        "print('alive', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, run_id], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "alive\n"
        process.kill()


def test_a_killed_run_is_reported_failed_once(instance: dg.DagsterInstance) -> None:
    run = started_run(instance)
    kill_after_locking(run)
    assert reap_dead_runs(instance, load_settings()) == (run,)
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE
    assert reap_dead_runs(instance, load_settings()) == ()
    failures = instance.all_logs(run, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert [PROCESS_GONE in event.message for event in failures] == [True]


def test_a_living_run_is_not_reported(instance: dg.DagsterInstance) -> None:
    run = started_run(instance)
    descriptor = hold_liveness_lock(run, load_settings().servers)
    assert reap_dead_runs(instance, load_settings()) == ()
    assert status_of(instance, run) is STARTED
    os.close(descriptor)
    assert reap_dead_runs(instance, load_settings()) == (run,)


def test_a_run_that_has_just_started_may_lack_its_lock(instance: dg.DagsterInstance) -> None:
    run = started_run(instance)
    assert reap_dead_runs(instance, load_settings()) == ()
    assert status_of(instance, run) is STARTED


@pytest.mark.parametrize("is_canceling", [False, True], ids=["started", "canceling"])
def test_a_run_without_a_lock_is_dead_after_a_minute(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, *, is_canceling: bool
) -> None:
    run = started_run(instance)
    if is_canceling:
        instance.report_run_canceling(run_of(instance, run))
        assert status_of(instance, run) is dg.DagsterRunStatus.CANCELING
    monkeypatch.setattr(
        "ouspark_assets.orchestration.executors.ownership.MAX_SECONDS_WITHOUT_LOCK", -1
    )
    assert reap_dead_runs(instance, load_settings()) == (run,)
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_killed_run_that_was_being_canceled_is_reported_failed(
    instance: dg.DagsterInstance,
) -> None:
    run = started_run(instance)
    instance.report_run_canceling(run_of(instance, run))
    kill_after_locking(run)
    assert reap_dead_runs(instance, load_settings()) == (run,)
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_could_not_record_its_end_is_dead_at_once(
    instance: dg.DagsterInstance, home: Path
) -> None:
    run = started_run(instance)
    with pytest.raises(FileNotFoundError), ownership.own_run(run, load_settings(), print):
        (home / "no folder" / "file").write_text("")
    assert reap_dead_runs(instance, load_settings()) == (run,)


def test_with_shared_storage_a_run_without_a_lock_may_be_on_another_machine(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, development_dsn: str
) -> None:
    started_run(instance)
    monkeypatch.setattr(
        "ouspark_assets.orchestration.executors.ownership.MAX_SECONDS_WITHOUT_LOCK", -1
    )
    monkeypatch.setenv("OUSPARK_DAGSTER_DSN", development_dsn)
    assert reap_dead_runs(instance, load_settings()) == ()


def test_the_stages_of_a_dead_run_are_closed(
    instance: dg.DagsterInstance, development: Connection
) -> None:
    dead, alive = started_run(instance), started_run(instance)
    for run in (dead, alive, "of another instance"):
        development.execute(
            "INSERT INTO ops.stage_runs (run_id, asset) VALUES (%s, 'raw.result_pages')", (run,)
        )
    kill_after_locking(dead)
    hold_liveness_lock(alive, load_settings().servers)
    reap_dead_runs(instance, load_settings())
    found = development.execute("SELECT run_id, outcome, error FROM ops.stage_runs ORDER BY id")
    assert found.fetchall() == [
        (dead, "failed", STAGE_NOT_ENDED),
        (alive, "running", None),
        ("of another instance", "running", None),
    ]


def test_dead_runs_are_reported_while_the_database_is_down(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started_run(instance)
    kill_after_locking(run)
    monkeypatch.setenv("OUSPARK_DEV_DSN", "postgresql://nobody@127.0.0.1:1/nothing")
    assert reap_dead_runs(instance, load_settings()) == (run,)


def test_lock_files_of_finished_runs_are_removed(instance: dg.DagsterInstance, home: Path) -> None:
    kill_after_locking("a-run-of-yesterday")
    reap_dead_runs(instance, load_settings())
    assert [path.name for path in (home / "dagster" / "alive").glob("[!.]*")] == []


def test_a_run_waits_until_the_one_in_progress_has_ended(development_dsn: str) -> None:
    order: list[str] = []
    notices: list[str] = []

    def run_second() -> None:
        with ownership.exclusive_run("second run", load_settings().runs, notices.append):
            order.append("second")

    second = Thread(target=run_second)
    with connected(development_dsn, Side.DEVELOPMENT, "observer") as observer:
        with ownership.exclusive_run("first run", load_settings().runs, notices.append):
            second.start()
            wait_until_blocked(observer, "run second", second)
            order.append("first")
        second.join()
    assert order == ["first", "second"]
    (notice,) = notices
    assert "waiting for 'ouspark run first ru'" in notice


def liveness_job() -> dg.JobDefinition:
    @dg.op
    def is_locked(context: dg.OpExecutionContext) -> bool:
        alive = load_settings().servers.home / "dagster" / "alive" / context.run_id
        return alive.exists() and reap_dead_runs(context.instance, load_settings()) == ()

    @dg.job(executor_def=with_ownership(dg.in_process_executor, in_turn=True))
    def liveness_job() -> None:
        is_locked()

    return liveness_job


def test_a_run_holds_its_liveness_lock_while_its_steps_execute(tmp_path: Path) -> None:
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        dg.execute_job(dg.reconstructable(liveness_job), instance) as result,
    ):
        assert result.success
        assert result.output_for_node("is_locked")


def launched_run(instance: dg.DagsterInstance, port: int | None = 4000) -> str:
    """Create a run that a code server launched and that has not started yet; return its id."""
    job = definitions().resolve_job_def("read_index")
    tags = {ownership.GRPC_INFO_TAG: json.dumps({"host": "code", "port": port})} if port else {}
    run = instance.create_run_for_job(job, tags=tags)
    starting = dg.DagsterEvent(dg.DagsterEventType.RUN_STARTING.value, run.job_name)
    instance.report_dagster_event(starting, run.run_id)
    assert status_of(instance, run.run_id) is dg.DagsterRunStatus.STARTING
    return run.run_id


@pytest.fixture
def run_code_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that lets a code server run which started this many seconds from now."""

    def run(seconds_from_now: float) -> None:
        server = CodeServer("localhost:4000", os.getpid(), time.time() + seconds_from_now)
        monkeypatch.setattr(ownership, "read_code_server", lambda _: server)

    monkeypatch.setattr(ownership, "MAX_SECONDS_TO_START", -1)
    return run


def test_a_run_whose_code_server_ended_before_it_started_is_dead_at_once(
    instance: dg.DagsterInstance, run_code_server: Callable[[float], None]
) -> None:
    run = launched_run(instance)
    run_code_server(10)
    assert reap_dead_runs(instance, load_settings()) == (run,)
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE


@pytest.mark.usefixtures("run_code_server")
def test_a_run_that_was_launched_is_dead_while_no_code_server_runs(
    instance: dg.DagsterInstance,
) -> None:
    run = launched_run(instance)
    assert reap_dead_runs(instance, load_settings()) == (run,)


def test_a_run_that_the_present_code_server_launched_may_still_start(
    instance: dg.DagsterInstance, run_code_server: Callable[[float], None]
) -> None:
    launched_run(instance)
    run_code_server(-10)
    assert reap_dead_runs(instance, load_settings()) == ()


def test_a_run_worker_that_survived_its_code_server_has_time_to_start(
    instance: dg.DagsterInstance,
    run_code_server: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = launched_run(instance)
    run_code_server(10)
    monkeypatch.setattr(ownership, "MAX_SECONDS_TO_START", 15)
    assert reap_dead_runs(instance, load_settings()) == ()
    monkeypatch.setattr(ownership, "MAX_SECONDS_TO_START", -1)
    descriptor = hold_liveness_lock(run, load_settings().servers)
    assert reap_dead_runs(instance, load_settings()) == ()
    os.close(descriptor)


def test_with_shared_storage_only_runs_of_the_own_code_server_can_be_judged(
    instance: dg.DagsterInstance,
    run_code_server: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    development_dsn: str,
) -> None:
    monkeypatch.setenv("OUSPARK_DAGSTER_DSN", development_dsn)
    own, _, _ = launched_run(instance), launched_run(instance, 5000), launched_run(instance, None)
    assert reap_dead_runs(instance, load_settings()) == ()
    run_code_server(10)
    assert reap_dead_runs(instance, load_settings()) == (own,)
