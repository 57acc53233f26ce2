"""`ouspark ui` restarts each of its processes, ends those of a killed supervisor, and is alone."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ouspark_assets.cli import ouspark
from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.orchestration.supervision import process_records, ui_supervisor
from ouspark_assets.orchestration.supervision.code_server import CodeServer
from ouspark_assets.orchestration.supervision.process_records import UiFiles, check_processes
from ouspark_assets.orchestration.supervision.ui_supervisor import (
    HangDetector,
    SupervisedProcess,
    end_leftovers,
    refuse_used_port,
    stop_processes,
)
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.orchestration.supervision.fake_user_code import user_code
from ouspark_assets_tests.support.waiting import wait_until

SLEEP = ["sleep", "600"]
StartProcess = Callable[..., SupervisedProcess]


@pytest.fixture
def files(home: Path) -> UiFiles:
    files = UiFiles(home)
    files.create()
    return files


@pytest.fixture
def start(files: UiFiles) -> Iterator[StartProcess]:
    """A function that starts a supervised process; all of them are ended afterwards."""
    started = []

    def start(name: str = "daemon", command: list[str] = SLEEP) -> SupervisedProcess:
        process = SupervisedProcess(name, command, files)
        process.start()
        started.append(process)
        return process

    yield start
    stop_processes(started)


def kill(process: SupervisedProcess) -> None:
    """Kill a process and wait until the supervisor has noticed."""
    assert process.process is not None
    process.process.kill()
    wait_until("the end is noticed", process.restart_if_ended)


def test_a_process_that_was_killed_is_started_again_at_once(start: StartProcess) -> None:
    process = start()
    assert not process.restart_if_ended()
    kill(process)
    assert process.restart_if_ended()
    assert process.process is not None
    assert process.process.poll() is None
    assert process.record.restarts == 1
    assert process.record.last_end == "signal 9"


def test_a_process_that_keeps_ending_is_started_less_and_less_often(
    start: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, delays = start(command=["false"]), []
    for _ in range(4):
        wait_until("the end is noticed", process.restart_if_ended)
        delays.append(max(round(process.restart_at - time.monotonic()), 0))
        process.restart_at = 0
        assert process.restart_if_ended()
    assert delays == [0, 1, 2, 4]
    monkeypatch.setattr(ui_supervisor, "STABLE_SECONDS", 0)
    wait_until("the end is noticed", process.restart_if_ended)
    assert process.restart_at <= time.monotonic()


def test_the_processes_of_a_killed_supervisor_are_ended(
    files: UiFiles, start: StartProcess
) -> None:
    processes = [start("code"), start("daemon", ["sh", "-c", "trap '' TERM; sleep 600"])]
    files.write([], [process.record for process in processes])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ui_supervisor, "STOP_TIMEOUT", 0.5)
        end_leftovers(files)
    assert not any(files.is_alive(process.record) for process in processes)


def test_a_recorded_process_that_has_ended_is_not_taken_for_another(
    files: UiFiles, start: StartProcess
) -> None:
    process = start()
    record = process.record
    kill(process)
    with subprocess.Popen(SLEEP) as other:
        files.write([], [process_records.ProcessRecord(record.name, other.pid, record.started)])
        end_leftovers(files)
        assert other.poll() is None
        other.kill()


def test_health_reports_a_killed_supervisor_and_processes_that_start_or_are_gone(
    files: UiFiles, start: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_processes(files) == "`ouspark ui` is not running."
    lock = files.lock_supervisor()
    assert lock is not None
    process = start()
    files.write([], [process.record])
    with pytest.raises(SupervisionError, match="daemon was started 0 s ago"):
        check_processes(files)
    monkeypatch.setattr(process_records, "STARTING_SECONDS", 0)
    assert check_processes(files) == "1 processes run, restarted 0 times."
    kill(process)
    with pytest.raises(SupervisionError, match="daemon is not running; it will be restarted"):
        check_processes(files)
    os.close(lock)
    with pytest.raises(SupervisionError, match="supervisor of `ouspark ui` was killed"):
        check_processes(files)


def test_user_code_that_stops_to_answer_is_killed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui_supervisor, "CALL_INTERVAL", 0)
    monkeypatch.setattr(ui_supervisor, "CALL_TIMEOUT", 5)
    monkeypatch.setattr(ui_supervisor, "MAX_CALLS_IN_VAIN", 2)
    detector = HangDetector(ServerSettings(home=home))
    with subprocess.Popen(SLEEP) as process:
        with user_code(b"") as address:
            server = CodeServer(address, process.pid, 1.0)
            monkeypatch.setattr(ui_supervisor, "read_code_server", lambda _: server)
            assert not detector.call()
        assert not detector.call()
        assert process.poll() is None
        assert detector.call()
        assert process.wait() == -signal.SIGKILL


def test_user_code_that_is_still_loading_is_not_killed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui_supervisor, "CALL_INTERVAL", 0)
    server = CodeServer("127.0.0.1:1", os.getpid(), 1.0)
    monkeypatch.setattr(ui_supervisor, "read_code_server", lambda _: server)
    detector = HangDetector(ServerSettings(home=home))
    assert not any(detector.call() for _ in range(ui_supervisor.MAX_CALLS_IN_VAIN + 1))


def test_a_port_that_is_in_use_is_reported_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SupervisionError, match=f"Cannot listen on 127.0.0.1:{port}"):
            refuse_used_port("127.0.0.1", port)


def test_there_is_one_supervisor_per_home(
    files: UiFiles, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_HOME", str(home))
    lock = files.lock_supervisor()
    assert lock is not None
    result = CliRunner().invoke(ouspark, ["ui"])
    assert isinstance(result.exception, SupervisionError)
    assert "`ouspark ui` is already running" in str(result.exception)
    os.close(lock)
