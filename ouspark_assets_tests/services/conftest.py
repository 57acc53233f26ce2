"""Homes, settings and other processes for the tests of the embedded servers.

What belongs here: fixtures that start and end real processes. What is claimed is in the tests.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from ouspark_assets.services import client
from ouspark_assets.services.server_status import ServicesStatus, read_services_status
from ouspark_assets.settings import ServerSettings

PATIENCE_SECONDS = 30.0
USE = """
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
        """What the servers' addresses are to it; waits until it has them."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        found: dict[str, str] = json.loads(line)
        return found

    def leave(self) -> None:
        """Let it end by itself."""
        self.process.communicate()

    def kill(self) -> None:
        """End it without a chance to clean up."""
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
    """A home of its own, its servers stopped in the end."""
    with temporary_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def settings_of_module() -> Iterator[ServerSettings]:
    """Settings of one home for all tests of a module (initialising a cluster takes a second)."""
    with temporary_home() as folder:
        yield ServerSettings(home=folder)


@contextmanager
def temporary_home() -> Iterator[Path]:
    # Not pytest's folders, because their long names leave no room for a socket.
    folder = Path(tempfile.mkdtemp(prefix="ouspark-test-"))
    yield folder / "home"
    client.stop_servers(folder / "home")
    shutil.rmtree(folder)


@pytest.fixture
def settings(home: Path) -> ServerSettings:
    """Settings that configure nothing but the home."""
    return ServerSettings(home=home)


@pytest.fixture
def look(settings: ServerSettings) -> Callable[[], ServicesStatus]:
    """What runs now."""
    return lambda: read_services_status(settings, show_secrets=True)


@pytest.fixture
def start_user(home: Path) -> Iterator[Callable[[], User]]:
    """Start other processes that use the servers; all are gone in the end."""
    started: list[User] = []

    def start() -> User:
        process = subprocess.Popen(
            [sys.executable, "-c", USE, "redis"],
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
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds."""
    return wait_until


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Whether a process exists and is no zombie."""
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
    """Kill a process and wait until it is gone."""

    def kill(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not _is_alive(pid))

    return kill


def _close(*streams: IO[str] | None) -> None:
    for stream in streams:
        if stream is not None:
            stream.close()
