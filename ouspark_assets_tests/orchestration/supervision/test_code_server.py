"""The record of the process that executes user code, and a call into it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ouspark_assets.domain.errors import SupervisionError
from ouspark_assets.orchestration.supervision.code_server import (
    CodeServer,
    call_user_code,
    find_addresses,
    read_code_server,
)
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.orchestration.supervision.fake_user_code import user_code
from ouspark_assets_tests.support.pipeline import BIN, ROOT, Pipeline
from ouspark_assets_tests.support.waiting import wait_until

REGISTER = """
import sys
from ouspark_assets.orchestration.supervision.code_server import register_code_server
from ouspark_assets.settings import load_settings
register_code_server(load_settings().servers)
print("registered", flush=True)
sys.stdin.read()
"""
START_TIMEOUT = 120


@pytest.fixture
def settings(home: Path) -> ServerSettings:
    return ServerSettings(home=home)


@contextmanager
def process_with(settings: ServerSettings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that has these arguments and calls `register_code_server`."""
    with subprocess.Popen(
        [sys.executable, "-c", REGISTER, *arguments],
        env={**os.environ, "OUSPARK_HOME": str(settings.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "registered\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["--socket", "/tmp/a", "--heartbeat"], "unix:/tmp/a"),  # noqa: S108
        (["-h", "0.0.0.0", "-p", "4000", "-m", "ouspark_assets.definitions"], "localhost:4000"),  # noqa: S104
        (["--host", "10.1.2.3", "--port", "4001"], "10.1.2.3:4001"),
    ],
)
def test_a_code_server_records_its_address_as_long_as_it_lives(
    settings: ServerSettings, arguments: list[str], address: str
) -> None:
    assert read_code_server(settings) is None
    with process_with(settings, "api", "grpc", *arguments) as process:
        server = read_code_server(settings)
        assert server == CodeServer(address, process.pid, getattr(server, "started", 0))
        process.kill()
        process.wait()
        assert read_code_server(settings) is None


@pytest.mark.parametrize("arguments", [["api", "execute_run"], ["dev"], []])
def test_no_other_process_records_itself(settings: ServerSettings, arguments: list[str]) -> None:
    with process_with(settings, *arguments):
        assert not settings.home.exists()


def test_a_new_code_server_replaces_the_record_of_one_that_is_still_running(
    settings: ServerSettings,
) -> None:
    with (
        process_with(settings, "api", "grpc", "-p", "4001"),
        process_with(settings, "api", "grpc", "-p", "4002") as second,
    ):
        server = read_code_server(settings)
        assert server is not None
        assert (server.address, server.pid) == ("localhost:4002", second.pid)


def test_servers_named_in_the_workspace_are_called_instead_of_the_recorded_one(
    settings: ServerSettings, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace.yaml"
    with process_with(settings, "api", "grpc", "-p", "4001"):
        assert find_addresses(workspace, settings) == ("localhost:4001",)
        assert find_addresses(ROOT / "workspace.yaml", settings) == ("localhost:4001",)
        assert find_addresses(ROOT / "deploy" / "workspace.yaml", settings) == ("code:4000",)
    workspace.write_text("load_from: [{grpc_server: {socket: /run/code}}]")
    assert find_addresses(workspace, settings) == ("unix:/run/code",)
    assert find_addresses(ROOT / "workspace.yaml", settings) == ()


def test_user_code_that_answers_is_healthy() -> None:
    with user_code(b"anything") as address:
        call_user_code(address, timeout=10)


def test_user_code_that_hangs_or_is_gone_is_reported() -> None:
    with (
        user_code(b"", hangs=True) as address,
        pytest.raises(SupervisionError, match="does not answer"),
    ):
        call_user_code(address, timeout=0.2)
    with pytest.raises(SupervisionError, match=f"User code at {address} does not answer"):
        call_user_code(address, timeout=10)


def test_user_code_that_could_not_be_loaded_is_reported_with_the_reason() -> None:
    error = {"__class__": "SerializableErrorInfo", "message": "a\nSettingsError: OUSPARK_LAKE\n"}
    with (
        user_code(b"\x0a\x80\x01" + json.dumps(error).encode()) as address,
        pytest.raises(SupervisionError, match="could not be loaded: SettingsError: OUSPARK_LAKE"),
    ):
        call_user_code(address, timeout=10)


@pytest.mark.full
@pytest.mark.parametrize("command", ["code-server start", "api grpc"])
def test_a_code_server_ends_soon_after_its_user_code_was_killed(home: Path, command: str) -> None:
    socket = home.parent / "socket"
    arguments = ["--socket", str(socket), "-m", "ouspark_assets.definitions"]
    settings = ServerSettings(home=home)
    log = home.parent / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [str(BIN / "dagster"), *command.split(), *arguments],
            env=Pipeline(home, "http://127.0.0.1:1").environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:

            def answers() -> bool:
                try:
                    call_user_code(f"unix:{socket}", timeout=60)
                except SupervisionError:
                    return False
                return True

            wait_until("user code answers", answers, timeout=START_TIMEOUT, log=log)
            server = read_code_server(settings)
            assert server is not None
            os.kill(server.pid, 9)
            # Of `api grpc` the process itself; of a code server its child.
            wait_until("the server ends", lambda: process.poll() is not None, timeout=10, log=log)
            assert not answers()
        finally:
            process.kill()
