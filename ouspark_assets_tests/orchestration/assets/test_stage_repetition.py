"""Stages whose database connection is lost: repeated as a whole, a limited number of times."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from ouspark_assets.orchestration.assets.recorded_stage import MAX_REPETITIONS, recorded_stage
from ouspark_assets.orchestration.executors.ownership import exclusive_run
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.services import Endpoints
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN


@pytest.fixture(autouse=True)
def _private_server(
    private_postgres: Endpoints, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.setenv("OUSPARK_DEV_DSN", private_postgres.dev_dsn)
    monkeypatch.setenv("OUSPARK_PROD_DSN", UNREACHABLE_DSN)
    monkeypatch.setenv("OUSPARK_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("OUSPARK_DATABASE_WAIT", "30")


def crash(connection: Connection) -> None:
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    connection.execute("SELECT pg_sleep(10)")


def run_stage(instance: dg.DagsterInstance, crashes: int) -> tuple[bool, list[str]]:
    """Run an asset whose backend crashes this many times; return its success and stage outcomes."""
    attempts: list[str] = []

    @dg.asset
    def crashing(context: dg.AssetExecutionContext, development: Development) -> None:
        with recorded_stage(context, development, "test.crashing") as stage:
            attempts.append(stage.run_id)
            if len(attempts) <= crashes:
                crash(stage.connection)

    result = dg.materialize(
        [crashing],
        instance=instance,
        resources={"development": Development()},
        raise_on_error=False,
    )
    with Development().connected("test") as connection:
        rows = connection.execute(
            "SELECT outcome FROM ops.stage_runs WHERE run_id = %s ORDER BY id", (attempts[0],)
        ).fetchall()
    return result.success, [outcome for (outcome,) in rows]


def test_a_stage_whose_server_crashes_is_repeated(instance: dg.DagsterInstance) -> None:
    # The first attempt could not record its end; the reaper closes its row.
    assert run_stage(instance, crashes=1) == (True, ["running", "succeeded"])


@pytest.mark.full
def test_a_stage_whose_server_always_crashes_fails(instance: dg.DagsterInstance) -> None:
    succeeded, outcomes = run_stage(instance, crashes=1 + MAX_REPETITIONS)
    assert not succeeded
    assert len(outcomes) == 1 + MAX_REPETITIONS


def test_a_run_that_waits_for_another_one_survives_a_crash_of_the_server() -> None:
    settings = load_settings().runs
    waited: list[str] = []

    def crash_while_waiting(notice: str) -> None:
        waited.append(notice)
        with Development().connected("crash") as connection, suppress(psycopg.OperationalError):
            crash(connection)

    # The first run does nothing, so that the loss of its connection is not an error.
    with (
        exclusive_run("the-first-run", settings, waited.append),
        exclusive_run("the-second-run", settings, crash_while_waiting),
    ):
        assert len(waited) == 1
