"""A code server whose user-code process was killed does not stay behind without it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ouspark_assets.orchestration.supervision import user_code_guard

TIMEOUT = 10


@pytest.fixture
def proxy() -> Iterator[subprocess.Popen[bytes]]:
    """A process in the place of `dagster code-server`."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def guard_of(proxy: subprocess.Popen[bytes], last_words: bytes) -> None:
    """Run the guard of a user-code process that writes this before its pipe is closed."""
    command = [sys.executable, "-I", "-S", user_code_guard.__file__, str(proxy.pid)]
    subprocess.run(command, input=last_words, timeout=TIMEOUT, check=True)


def test_a_code_server_ends_when_its_user_code_was_killed(proxy: subprocess.Popen[bytes]) -> None:
    guard_of(proxy, b"")
    assert proxy.wait(TIMEOUT) == -signal.SIGKILL


def test_a_code_server_continues_when_its_definitions_are_reloaded(
    proxy: subprocess.Popen[bytes],
) -> None:
    guard_of(proxy, user_code_guard.ENDED_NORMALLY)
    assert proxy.poll() is None


def test_a_code_server_that_has_already_ended_is_no_error(proxy: subprocess.Popen[bytes]) -> None:
    command = [sys.executable, "-I", "-S", user_code_guard.__file__, str(proxy.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guard:
        proxy.kill()
        os.waitid(os.P_PID, proxy.pid, os.WEXITED)
        guard.communicate(b"", timeout=TIMEOUT)
    assert guard.returncode == 0
