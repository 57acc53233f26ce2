"""Dagster's records in PostgreSQL: few connections, which survive server restarts and forks."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from ouspark_assets.orchestration.storage.pooled_storage import POOL_SIZE, shared_engine
from ouspark_assets.services import Endpoints
from ouspark_assets_tests.support.pipeline import ROOT
from ouspark_assets_tests.support.stores import dagster_database

STEPS = 12


@pytest.fixture(scope="module")
def dsn(servers: Endpoints) -> Iterator[str]:
    with dagster_database(servers) as dsn:
        yield dsn
        shared_engine.cache_clear()


@pytest.fixture
def instance(dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.setenv("OUSPARK_DAGSTER_DSN", dsn)
    with dg.DagsterInstance.get() as instance:
        yield instance


@pytest.fixture
def connections_opened() -> Iterator[list[object]]:
    """A list that gets one entry for every connection that SQLAlchemy opens."""
    seen: list[object] = []

    def connects(*_: object) -> None:
        seen.append(object())

    event.listen(Engine, "do_connect", connects)
    yield seen
    event.remove(Engine, "do_connect", connects)


def steps() -> list[dg.AssetsDefinition]:
    def step(number: int) -> dg.AssetsDefinition:
        before = [dg.AssetKey(f"step_{number - 1}")] if number else []

        @dg.asset(name=f"step_{number}", deps=before)
        def computed() -> dg.MaterializeResult[None]:
            return dg.MaterializeResult(metadata={"number": number})

        return computed

    return [step(number) for number in range(STEPS)]


def backends(dsn: str) -> set[int]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
    return {pid for (pid,) in rows}


def test_a_run_opens_few_connections(
    instance: dg.DagsterInstance, dsn: str, connections_opened: list[object]
) -> None:
    done = dg.materialize(steps(), instance=instance)
    assert done.success
    kinds = [event.dagster_event_type for event in instance.all_logs(done.run_id)]
    assert kinds.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == STEPS
    assert len(connections_opened) <= POOL_SIZE
    assert len(backends(dsn)) <= POOL_SIZE


@pytest.mark.full
def test_the_same_run_with_the_stock_storage_opens_hundreds_of_connections(
    dsn: str, tmp_path: Path, connections_opened: list[object]
) -> None:
    # If this fails, dagster-postgres keeps its connections open, and PooledStorage can go.
    url = dsn.replace("postgresql://", "postgresql+psycopg2://")
    (tmp_path / "dagster.yaml").write_text(f"storage: {{postgres: {{postgres_url: '{url}'}}}}")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        connections_opened.clear()
        assert dg.materialize(steps(), instance=instance).success
    assert len(connections_opened) > 10 * STEPS


def test_a_run_continues_when_the_server_restarts_between_two_events(
    instance: dg.DagsterInstance, dsn: str
) -> None:
    @dg.asset
    def disconnected() -> None:
        # A restart of the server ends the connections of its clients like this.
        pids = backends(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for pid in pids:
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))

    done = dg.materialize([disconnected, *steps()], instance=instance)
    assert done.success
    assert instance.get_run_by_id(done.run_id).status is dg.DagsterRunStatus.SUCCESS
    kinds = [event.dagster_event_type for event in instance.all_logs(done.run_id)]
    assert kinds.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == STEPS + 1


def test_a_forked_process_opens_its_own_connections(instance: dg.DagsterInstance, dsn: str) -> None:
    runs, before = instance.get_runs_count(), backends(dsn)
    child = os.fork()
    if child == 0:
        # In any case this process must not continue with the tests.
        exit_code = os.EX_SOFTWARE
        try:
            if instance.get_runs_count() == runs and backends(dsn) - before:
                exit_code = os.EX_OK
        finally:
            os._exit(exit_code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == os.EX_OK
    assert instance.get_runs_count() == runs
    assert before <= backends(dsn)


def test_forty_threads_are_served_and_few_connections_stay_open(
    instance: dg.DagsterInstance, dsn: str
) -> None:
    with ThreadPoolExecutor(40) as threads:
        counts = list(threads.map(lambda _: instance.get_runs_count(), range(200)))
    assert counts == [instance.get_runs_count()] * 200
    assert len(backends(dsn)) <= POOL_SIZE


def test_the_webserver_gets_its_statement_timeout(instance: dg.DagsterInstance) -> None:
    instance.optimize_for_webserver(statement_timeout=4321, pool_recycle=60, max_overflow=3)
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        (limit,) = connection.exec_driver_sql("SHOW statement_timeout").fetchone()
    assert limit == "4321ms"
