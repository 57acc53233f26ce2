"""Child processes of the supervisor, and the log files they write.

A child ends when the supervisor ends. Which programs run is decided by the servers' modules.
"""

import asyncio
import errno
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import launcher
from ouspark_assets.services.paths import PRIVATE_FILE
from ouspark_assets.services.start_policy import KILL_TIMEOUT

Identity = Literal["self", "namespace", "nobody"]
LAUNCHER = Path(launcher.__file__)
# Variables of a client's environment that would change how the servers and their tools work.
CLIENT_PREFIXES = ("PG", "OUSPARK_", "DAGSTER_", "REDIS", "VALKEY")
MAX_LOG_BYTES = 4 * 1024 * 1024
KEPT_LOG_BYTES = 1024 * 1024
QUOTED_LINES = 3
FULL_DISK = re.compile("|".join(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))))
QUOTED_CHARACTERS = 400


@dataclass(frozen=True)
class Child:
    """A program to start: its command, log, identity, and a lock that it inherits."""

    command: Sequence[str]
    log: Path
    death_signal: signal.Signals = signal.SIGTERM
    identity: Identity = "self"
    lock: int | None = None


async def start_child(child: Child) -> asyncio.subprocess.Process:
    """Start a child; the kernel sends it its death signal when the supervisor ends."""
    log = open_log(child.log)
    try:
        return await asyncio.create_subprocess_exec(
            *_launcher_command(child),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=child_environment(),
            cwd="/",
            pass_fds=() if child.lock is None else (child.lock,),
        )
    finally:
        os.close(log)


async def run_child(child: Child, task: str) -> None:
    """Run a child to its end; raise a ServiceError that quotes its log if it fails."""
    offset = log_size(child.log)
    process = await start_child(child)
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    if code != 0:
        raise exit_error(task, code, child.log, offset)


async def read_output(command: Sequence[str], identity: Identity) -> str | None:
    """Return what a short command prints, or None if it fails."""
    process = await asyncio.create_subprocess_exec(
        *_launcher_command(Child(command, Path(os.devnull), identity=identity)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment(),
        cwd="/",
    )
    printed, _ = await process.communicate()
    return printed.decode("utf-8", "replace").strip() if process.returncode == 0 else None


async def stop_child(
    process: asyncio.subprocess.Process, steps: Sequence[tuple[signal.Signals, float]]
) -> None:
    """Stop a child: each step is a signal and the seconds to wait; the last step is SIGKILL."""
    for number, seconds in (*steps, (signal.SIGKILL, KILL_TIMEOUT)):
        if process.returncode is not None:
            return
        try:
            process.send_signal(number)
            await asyncio.wait_for(process.wait(), seconds)
        except (ProcessLookupError, TimeoutError):
            continue


def child_environment(production: str | None = None) -> dict[str, str]:
    """Return the environment of a child, without variables that configure clients.

    A child that needs the production database gets its address.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(CLIENT_PREFIXES)
    }
    package_parent = str(Path(__file__).resolve().parents[2])
    paths = [package_parent, *filter(None, [kept.get("PYTHONPATH")])]
    address = {} if production is None else {"OUSPARK_PROD_DSN": production}
    return kept | address | {"PYTHONPATH": os.pathsep.join(paths)}


def exit_error(program: str, code: int, log: Path, offset: int) -> ServiceError:
    """Return the error for a program that ended unexpectedly, with the end of its log."""
    ending = f"signal {-code}" if code < 0 else f"exit code {code}"
    # Programs go on logging after the line that names the full disk, and free its space again.
    if lines := [line for line in read_lines(log, offset) if FULL_DISK.search(line)]:
        message = (
            f"{program} ended with {ending} because the disk of {log.parent.parent} is full. Free"
            f" some space, then try again. First error: {lines[0][-QUOTED_CHARACTERS:]}"
            f" (log: {log})"
        )
        return ServiceError(message)
    quoted = read_last_lines(log, offset)
    if not quoted:
        space = os.statvfs(log.parent)
        quoted = "it logged nothing" if space.f_bavail else "the disk of its log is full"
    return ServiceError(f"{program} ended with {ending}: {quoted} (log: {log})")


def _launcher_command(child: Child) -> list[str]:
    options = [str(os.getpid()), str(int(child.death_signal)), child.identity]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *options, *child.command]


def open_log(path: Path) -> int:
    """Open a log for appending, so that it can be truncated while a server writes to it."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)


def log_event(message: str) -> None:
    """Write a line to standard error, which is the supervisor's own log."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC [{os.getpid()}] {message}\n")
    sys.stderr.flush()


def log_size(path: Path) -> int:
    """Return the bytes in a log; 0 if there is no file."""
    return path.stat().st_size if path.exists() else 0


def truncate_log(path: Path) -> None:
    """Empty a log that has grown too large; its end is kept in a file alongside (.old.log)."""
    if log_size(path) <= MAX_LOG_BYTES:
        return
    with path.open("r+b") as log:
        log.seek(-KEPT_LOG_BYTES, os.SEEK_END)
        end = log.read()
        log.truncate(0)
    old = os.open(path.with_suffix(".old.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with os.fdopen(old, "wb") as file:
        file.write(end)


def read_last_lines(path: Path, offset: int) -> str:
    """Return the last lines that were written after an offset, joined into one."""
    return " | ".join(read_lines(path, offset)[-QUOTED_LINES:])[-QUOTED_CHARACTERS:]


def read_lines(path: Path, offset: int) -> list[str]:
    """Return the lines that were written after an offset, without empty ones."""
    if not path.exists():
        return []
    with path.open("rb") as log:
        log.seek(offset if offset <= log_size(path) else 0)
        lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines()]
    return [line for line in lines if line]
