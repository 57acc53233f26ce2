"""Starting programs as children that can't outlive the supervisor.

What belongs here: one way to start a child (environment, log, lock, identity) and one to end it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import launcher, logs

Identity = Literal["self", "namespace", "nobody"]
LAUNCHER = Path(launcher.__file__)
# Settings of a client that would change what a server's own tools do.
FOREIGN_PREFIXES = ("PG", "OUSPARK_", "DAGSTER_", "REDIS", "VALKEY")


@dataclass(frozen=True)
class Child:
    """What to start: the command, whose identity it takes, and where it writes."""

    command: Sequence[str]
    log: Path
    death_signal: signal.Signals = signal.SIGTERM
    identity: Identity = "self"
    lock: int | None = None


async def start(child: Child) -> asyncio.subprocess.Process:
    """Start a child that is told when the supervisor dies."""
    log = logs.open_log(child.log)
    try:
        return await asyncio.create_subprocess_exec(
            *_through_launcher(child),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            cwd="/",
            pass_fds=() if child.lock is None else (child.lock,),
        )
    finally:
        os.close(log)


async def complete(child: Child, what: str) -> None:
    """Run a child to its end; a failure is one line with its last words."""
    since = logs.size(child.log)
    process = await start(child)
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    if code != 0:
        raise failed(what, code, child.log, since)


async def output(command: Sequence[str], identity: Identity) -> str | None:
    """What a short command prints, or None when it fails."""
    process = await asyncio.create_subprocess_exec(
        *_through_launcher(Child(command, Path(os.devnull), identity=identity)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(),
        cwd="/",
    )
    printed, _ = await process.communicate()
    return printed.decode("utf-8", "replace").strip() if process.returncode == 0 else None


async def end(
    process: asyncio.subprocess.Process, steps: Sequence[tuple[signal.Signals, float]]
) -> None:
    """Ask a child to end, ever more firmly: a signal and the seconds it is given."""
    for number, seconds in (*steps, (signal.SIGKILL, 60.0)):
        if process.returncode is not None:
            return
        try:
            process.send_signal(number)
            await asyncio.wait_for(process.wait(), seconds)
        except (ProcessLookupError, TimeoutError):
            continue


def environment() -> dict[str, str]:
    """The environment of a child: nothing that another client's settings could change."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)
    }
    package_parent = str(Path(__file__).resolve().parents[2])
    paths = [package_parent, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def failed(what: str, code: int, log: Path, since: int) -> ServiceError:
    """The one line for a program that ended when it should not."""
    ending = f"signal {-code}" if code < 0 else f"exit code {code}"
    words = logs.last_words(log, since) or _silence(log)
    return ServiceError(f"{what} ended with {ending}: {words} (log: {log})")


def _silence(log: Path) -> str:
    space = os.statvfs(log.parent)
    return "it said nothing" if space.f_bavail else "the disk of its log is full"


def _through_launcher(child: Child) -> list[str]:
    tie = [str(os.getpid()), str(int(child.death_signal)), child.identity]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *tie, *child.command]
