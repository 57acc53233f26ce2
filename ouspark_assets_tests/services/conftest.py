"""Fixtures for the tests of the embedded servers: temporary homes, and processes that use them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from ouspark_assets.services import client
from ouspark_assets.services.server_status import ServicesStatus, read_services_status
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.support.waiting import wait_until

USE_SERVERS = """
import json, sys
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.settings import load_settings
found = resolve_endpoints(load_settings().servers, need=sys.argv[1].split(","))
print(json.dumps(vars(found)), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class User:
    """Another process that uses the servers."""

    process: subprocess.Popen[str]

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses it received; waits until it has printed them."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        found: dict[str, str] = json.loads(line)
        return found

    def leave(self) -> None:
        """Let the process end normally."""
        self.process.communicate()

    def kill(self) -> None:
        """Kill the process, so that it cannot clean up."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OUSPARK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OUSPARK_SERVICES_GRACE", "0.4")


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a new home, whose servers are stopped at the end."""
    with temporary_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def settings_of_module() -> Iterator[ServerSettings]:
    """Yield settings with one home for the whole module: creating a cluster takes a second."""
    with temporary_home() as folder:
        yield ServerSettings(home=folder)


@contextmanager
def temporary_home() -> Iterator[Path]:
    # The path of pytest's folder is too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="ouspark-test-"))
    yield folder / "home"
    client.stop_servers(folder / "home")
    shutil.rmtree(folder)


@pytest.fixture
def settings(home: Path) -> ServerSettings:
    """Return settings in which only the home is set."""
    return ServerSettings(home=home)


@pytest.fixture
def read_status(settings: ServerSettings) -> Callable[[], ServicesStatus]:
    """Return a function that reads the status of the servers."""
    return lambda: read_services_status(settings, show_secrets=True)


@pytest.fixture
def start_user(home: Path) -> Iterator[Callable[[], User]]:
    """Yield a function that starts a process using the servers; kill the processes at the end."""
    started: list[User] = []

    def start() -> User:
        process = subprocess.Popen(
            [sys.executable, "-c", USE_SERVERS, "redis"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OUSPARK_HOME": str(home)},
        )
        started.append(User(process))
        return started[-1]

    yield start
    for user in started:
        if user.process.poll() is None:
            user.kill()
        _close(user.process.stdin, user.process.stdout, user.process.stderr)


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Return a function that tells whether a process exists and is not a zombie."""
    return _is_alive


def _is_alive(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return state != "" and not state.startswith("Z")


@pytest.fixture
def crash() -> Callable[[int], None]:
    """Return a function that kills a process and waits for its end."""

    def kill(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        wait_until("the process has ended", lambda: not _is_alive(pid))

    return kill


def _close(*streams: IO[str] | None) -> None:
    for stream in streams:
        if stream is not None:
            stream.close()
