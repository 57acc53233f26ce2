"""Processes as the kernel shows them: descendants, command lines, signals, and waiting for them.

Linux only, like all of chaos. Which process an event strikes is in `events`.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
# Longer than anything takes on a slow machine.
DEFAULT_TIMEOUT = 900.0
POLL_INTERVAL = 0.02


def send_signal(number: signal.Signals, pids: Sequence[int]) -> None:
    """Send a signal to those of the processes that still exist."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def list_process_tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    tree, parents = [pid], {}
    for child in _list_pids():
        # The program's name is in parentheses and may contain any character.
        _, _, rest = _read(PROC / str(child) / "stat").rpartition(")")
        if rest:
            parents[child] = int(rest.split()[1])
    for member in tree:
        tree += [child for child, parent in parents.items() if parent == member]
    return tree


def read_command_line(pid: int) -> str:
    """Return the command line of a process; empty when it is gone."""
    return _read(PROC / str(pid) / "cmdline")


def list_processes_of(home: Path) -> list[int]:
    """Return all processes but this one that belong to a home.

    They have it in their environment or command line, or work in it.
    """
    return [pid for pid in _list_pids() if pid != os.getpid() and _belongs_to(pid, str(home))]


def wait_until(
    is_true: Callable[[], bool], description: str, timeout: float = DEFAULT_TIMEOUT
) -> None:
    """Wait until a condition is true; raise TimeoutError after `timeout` seconds."""
    if not becomes_true(is_true, timeout):
        message = f"Waited {timeout:.0f} s for {description}"
        raise TimeoutError(message)


def becomes_true(is_true: Callable[[], bool], timeout: float) -> bool:
    """Wait for a condition; return False if it is not true after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL)
    return True


def _belongs_to(pid: int, home: str) -> bool:
    if f"OUSPARK_HOME={home}\0" in _read(PROC / str(pid) / "environ"):
        return True
    if home in read_command_line(pid):
        return True
    try:
        return str((PROC / str(pid) / "cwd").readlink()).startswith(home)
    except OSError:
        return False


def _list_pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
