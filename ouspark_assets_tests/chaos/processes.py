"""Processes as the kernel shows them: whose child, which command, of which home; and signals.

Linux only, as the whole of chaos. What is done to whom is `events.py`.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def send(number: signal.Signals, pids: Sequence[int]) -> bool:
    """Send a signal; says whether anybody was there to get it."""
    reached = False
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            reached = True
    return reached


def with_descendants(pid: int) -> list[int]:
    """A process, its children, their children."""
    family = [pid]
    parents = dict(_parents())
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def command_of(pid: int) -> str:
    """The command line of a process; empty when it is gone."""
    return _read(PROC / str(pid) / "cmdline")


def processes_of(home: Path) -> list[int]:
    """Every process but this one that was started for a home, names it, or works in it."""
    return [pid for pid in _pids() if pid != os.getpid() and _is_of(pid, str(home))]


def _is_of(pid: int, home: str) -> bool:
    told = f"OUSPARK_HOME={home}\0" in _read(PROC / str(pid) / "environ")
    return told or home in command_of(pid) or _folder_of(pid).startswith(home)


def _folder_of(pid: int) -> str:
    try:
        return str((PROC / str(pid) / "cwd").readlink())
    except OSError:
        return ""


def _parents() -> Iterator[tuple[int, int]]:
    for pid in _pids():
        # The name of a program stands in parentheses, and may hold any character.
        _, _, rest = _read(PROC / str(pid) / "stat").rpartition(")")
        if rest:
            yield pid, int(rest.split()[1])


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
