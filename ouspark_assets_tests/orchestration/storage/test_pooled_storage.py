"""Dagster's records in PostgreSQL: few connections, and none that a restart or a fork breaks."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from ouspark_assets.orchestration.storage.pooled_storage import KEPT, engine_of
from ouspark_assets.services import Endpoints
from ouspark_assets_tests.support.pipeline import ROOT
from ouspark_assets_tests.support.stores import dagster_database

STEPS = 12


@pytest.fixture(scope="module")
def dsn(servers: Endpoints) -> Iterator[str]:
    with dagster_database(servers) as dsn:
        yield dsn
        engine_of.cache_clear()


@pytest.fixture
def instance(dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    monkeypatch.setenv("OUSPARK_DAGSTER_DSN", dsn)
    with dg.DagsterInstance.get() as instance:
        yield instance


@pytest.fixture
def opened() -> Iterator[list[object]]:
    """One entry for every connection that SQLAlchemy opens."""
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
    instance: dg.DagsterInstance, dsn: str, opened: list[object]
) -> None:
    assert dg.materialize(steps(), instance=instance).success
    assert len(opened) <= KEPT
    assert len(backends(dsn)) <= KEPT


@pytest.mark.full
def test_the_same_run_opens_hundreds_as_it_comes(
    dsn: str, tmp_path: Path, opened: list[object]
) -> None:
    # The reason for the class: when this fails, upstream has learnt to keep its connections.
    url = dsn.replace("postgresql://", "postgresql+psycopg2://")
    (tmp_path / "dagster.yaml").write_text(f"storage: {{postgres: {{postgres_url: '{url}'}}}}")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        opened.clear()
        assert dg.materialize(steps(), instance=instance).success
    assert len(opened) > 10 * STEPS


def test_a_server_that_restarts_between_two_events_is_not_noticed(
    instance: dg.DagsterInstance, dsn: str
) -> None:
    @dg.asset
    def cut_off() -> None:
        # What a restart does to the connections of its clients.
        pids = backends(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for pid in pids:
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))

    done = dg.materialize([cut_off, *steps()], instance=instance)
    assert done.success
    assert instance.get_run_by_id(done.run_id).status is dg.DagsterRunStatus.SUCCESS


def test_a_fork_begins_with_connections_of_its_own(instance: dg.DagsterInstance, dsn: str) -> None:
    runs, before = instance.get_runs_count(), backends(dsn)
    child = os.fork()
    if child == 0:
        # Whatever happens, this process must not go on with the tests.
        ours = os.EX_SOFTWARE
        try:
            if instance.get_runs_count() == runs and backends(dsn) - before:
                ours = os.EX_OK
        finally:
            os._exit(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == os.EX_OK
    assert instance.get_runs_count() == runs
    assert before <= backends(dsn)


def test_many_threads_at_once_are_served_and_leave_few_connections(
    instance: dg.DagsterInstance, dsn: str
) -> None:
    with ThreadPoolExecutor(40) as threads:
        counts = list(threads.map(lambda _: instance.get_runs_count(), range(200)))
    assert counts == [instance.get_runs_count()] * 200
    assert len(backends(dsn)) <= KEPT


def test_the_webserver_gets_its_limits(instance: dg.DagsterInstance) -> None:
    instance.optimize_for_webserver(statement_timeout=4321, pool_recycle=60, max_overflow=3)
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        (limit,) = connection.exec_driver_sql("SHOW statement_timeout").fetchone()
    assert limit == "4321ms"
