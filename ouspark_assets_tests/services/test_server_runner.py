"""The runner of one server: the user it runs as, failing starts, crashes, and its log."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import child_process, postgres
from ouspark_assets.services.paths import ServicePaths, create_folders, create_socket_folder
from ouspark_assets.services.postgres import Postgres
from ouspark_assets.services.server_runner import ServerRunner
from ouspark_assets.services.standin_site import Population, StandinSite
from ouspark_assets_tests.support.waiting import wait_until

IDENTITIES = postgres.IDENTITIES_OF_ROOT if os.geteuid() == 0 else ("self",)
FAIL_TO_START = "import sys; sys.exit('the register of students is missing')"
SERVE_AND_DIE = """
import pathlib, socket, sys, time
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with socket.create_server(("127.0.0.1", int(options["--port"]))):
    pathlib.Path(options["--ready-file"]).write_text(f"http://127.0.0.1:{options['--port']}")
    time.sleep(0.2)
sys.exit("tired already")
"""


@pytest.fixture
def paths(home: Path) -> ServicePaths:
    """The paths of a home whose servers run in the test's own process."""
    home.parent.chmod(0o700)
    return create_folders(home)


def site(paths: ServicePaths, program: str) -> ServerRunner:
    kept = StandinSite(paths, (sys.executable, "-c", program))
    kept.population = Population(students=3, releases=2, seed=1)
    return ServerRunner(kept, paths)


async def test_postgres_works_in_a_private_folder_as_every_user_and_after_another_user(
    paths: ServicePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turn = (*reversed(IDENTITIES), IDENTITIES[-1])
    for identity in in_turn:
        monkeypatch.setattr(postgres, "IDENTITIES_OF_ROOT", (identity,))
        runner = ServerRunner(Postgres(paths, create_socket_folder(paths)), paths)
        await runner.ensure_running()
        with psycopg.connect(runner.server.addresses()["dev_dsn"]) as connection:
            connection.execute("create table if not exists kept (n int)")
            connection.execute("insert into kept values (1)")
            count = connection.execute("select count(*) from kept").fetchone()
        await runner.stop()
        assert runner.report().state == "stopped"
    assert count == (len(in_turn),)


async def test_postgres_without_a_possible_user_says_what_to_do(
    paths: ServicePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "IDENTITIES_OF_ROOT", ())
    runner = ServerRunner(Postgres(paths, paths.root), paths)
    with pytest.raises(ServiceError, match="run as another user, or set OUSPARK_DEV_DSN"):
        await runner.ensure_running()


async def test_the_error_of_a_failed_start_quotes_the_log(paths: ServicePaths) -> None:
    runner = site(paths, FAIL_TO_START)
    with pytest.raises(ServiceError, match="exit code 1: the register of students is missing"):
        await runner.ensure_running()
    assert runner.report().state == "failed"
    assert "register of students" in (runner.report().problem or "")


async def test_a_server_that_crashes_repeatedly_is_restarted_only_by_the_next_request(
    paths: ServicePaths,
) -> None:
    runner = site(paths, SERVE_AND_DIE)
    await runner.ensure_running()
    await asyncio.to_thread(
        wait_until, "the server has failed", lambda: runner.report().state == "failed"
    )
    assert runner.report().restarts == 3
    assert "tired already" in (runner.report().problem or "")
    await runner.ensure_running()
    assert runner.report().state == "running"
    await runner.stop()


async def test_every_waiting_caller_gets_the_error_of_a_failed_start(paths: ServicePaths) -> None:
    runner = site(paths, FAIL_TO_START)
    errors = await asyncio.gather(
        *(runner.ensure_running() for _ in range(4)), return_exceptions=True
    )
    assert [type(error) for error in errors] == [ServiceError] * 4


async def test_a_server_can_be_stopped_while_it_starts(
    paths: ServicePaths, is_alive: Callable[[int], bool]
) -> None:
    runner = site(paths, "import time; print('asleep', flush=True); time.sleep(600)")
    waiting = asyncio.create_task(runner.ensure_running())
    lock = paths.lock("site")
    await asyncio.to_thread(
        wait_until,
        "the lock file has a pid",
        lambda: lock.exists() and lock.read_text("ascii") != "",
    )
    pid = int(lock.read_text("ascii"))
    await runner.stop()
    assert not is_alive(pid)
    with pytest.raises(ServiceError, match="stopped while it started"):
        await waiting


def test_a_large_log_is_truncated_and_its_end_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    descriptor = child_process.open_log(log)
    os.write(descriptor, b"x" * 99 + b"\n")
    for _ in range(50):
        os.write(descriptor, (b"y" * 99 + b"\n") * 1000)
    os.write(descriptor, b"the end\n")
    child_process.truncate_log(log)
    os.write(descriptor, b"a new beginning\n")
    os.close(descriptor)
    older = log.with_suffix(".old.log").read_text("utf-8")
    assert log.read_text("utf-8") == "a new beginning\n"
    assert older.endswith("the end\n")
    assert len(older) == child_process.KEPT_LOG_BYTES


def test_the_last_lines_are_those_after_the_offset(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("earlier\n", "utf-8")
    since = child_process.log_size(log)
    with log.open("a", encoding="utf-8") as file:
        file.write("one\n\n  two\nthree\nfour\n")
    assert child_process.read_last_lines(log, since) == "two | three | four"
    assert child_process.read_last_lines(tmp_path / "none.log", 0) == ""
