"""Keeps one server running: starts it, restarts it after a crash, stops it.

What belongs here: the life of a process. What the server is, its `Server` knows.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import child_process as process
from ouspark_assets.services import file_locks as locks
from ouspark_assets.services import logs
from ouspark_assets.services.child_process import Child
from ouspark_assets.services.paths import PRIVATE_FILE, Places, unusable
from ouspark_assets.services.server import Server

START_SECONDS = 90.0
ORPHAN_SECONDS = 40.0
POLL_SECONDS = 0.02
# A server that ran this long before it crashed gets its tries anew.
STEADY_SECONDS = 10.0
MOST_QUICK_CRASHES = 3

State = Literal["stopped", "starting", "running", "failed"]


@dataclass(frozen=True)
class Report:
    """What is known of a server at a moment."""

    name: str
    title: str
    state: State
    version: str | None
    pid: int | None
    uptime_seconds: float | None
    restarts: int
    problem: str | None


class Keeper:
    """The life of one server under the supervisor."""

    def __init__(self, server: Server, places: Places) -> None:
        """Of a server that is not running yet."""
        self.server = server
        self._places = places
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._settled: asyncio.Future[None] | None = None
        self._state: State = "stopped"
        self._since = 0.0
        self._restarts = 0
        self._problem: str | None = None

    async def ensure(self) -> None:
        """Return once the server runs; a failure to start is raised to everyone who waits."""
        if self._task is None or self._task.done():
            self._settled = _new_future()
            self._task = asyncio.create_task(self._keep())
            self._task.add_done_callback(self._settle_a_fault)
        if self._settled is not None:
            await asyncio.shield(self._settled)

    async def stop(self) -> None:
        """Stop the server and wait until it is gone."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None:
            await process.end(self._process, self.server.stop_steps)
            self._process = None
        self._state = "stopped"

    def report(self) -> Report:
        """The state of the server now."""
        running = self._state == "running" and self._process is not None
        return Report(
            name=self.server.name,
            title=self.server.title,
            state=self._state,
            version=self.server.version,
            pid=self._process.pid if running and self._process is not None else None,
            uptime_seconds=round(time.monotonic() - self._since, 1) if running else None,
            restarts=self._restarts,
            problem=self._problem,
        )

    async def _keep(self) -> None:
        """Start the server and start it again whenever it ends by itself."""
        quick_crashes = 0
        try:
            while quick_crashes < MOST_QUICK_CRASHES:
                started = await self._start_with_attempts()
                offset = logs.size(self._log)
                self._settle(None)
                code = await started.wait()
                steady = time.monotonic() - self._since > STEADY_SECONDS
                quick_crashes = 1 if steady else quick_crashes + 1
                self._crashed(process.failed(self.server.title, code, self._log, offset))
            self._settle(ServiceError(f"{self._problem}; it crashed again after each restart"))
        except ServiceError as error:
            self._settle(error)
        except OSError as error:
            self._settle(unusable(self._places.home, error))
        except asyncio.CancelledError:
            self._refuse(ServiceError(f"{self.server.title} was stopped while it started"))
            raise

    def _crashed(self, error: ServiceError) -> None:
        self._settled = _new_future()
        self._state = "starting"
        self._restarts += 1
        self._problem = str(error)
        # The pid may soon be another program's: nobody must signal it.
        self._places.lock(self.server.name).write_text("", "ascii")
        logs.note(f"{error}; starting it again")

    async def _start_with_attempts(self) -> asyncio.subprocess.Process:
        for _ in range(self.server.attempts - 1):
            try:
                return await self._start()
            except ServiceError as error:
                self._problem = str(error)
        return await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        self._state = "starting"
        lock = await self._own_lock()
        try:
            launch = await self.server.prepare(lock)
            offset = logs.size(self._log)
            child = Child(
                launch.command,
                self._log,
                self.server.death_signal,
                launch.identity,
                lock,
            )
            started = self._process = await process.start(child)
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(started.pid).encode(), 0)
        finally:
            # From here on the lock is held by the server's own processes and nobody else.
            os.close(lock)
        try:
            await self._until_ready(started, offset)
            await self.server.finish()
        except ServiceError:
            await process.end(started, self.server.stop_steps)
            raise
        self._since = time.monotonic()
        logs.note(f"{self.server.title} runs as process {started.pid}")
        return started

    async def _until_ready(self, started: asyncio.subprocess.Process, offset: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.server.is_ready(started.pid):
            if started.returncode is not None:
                raise process.failed(self.server.title, started.returncode, self._log, offset)
            if time.monotonic() > deadline:
                words = logs.last_words(self._log, offset) or "it said nothing"
                message = f"{self.server.title} is not ready after {START_SECONDS:.0f} s: {words}"
                raise ServiceError(message)
            await asyncio.sleep(POLL_SECONDS)

    async def _own_lock(self) -> int:
        """The lock of the server; whoever else holds it is left over from a dead supervisor."""
        path = self._places.lock(self.server.name)
        path.touch(PRIVATE_FILE)
        deadline = time.monotonic() + ORPHAN_SECONDS
        asked = False
        while (lock := locks.try_lock(path)) is None:
            orphan = path.read_text("ascii").strip()
            if time.monotonic() > deadline:
                message = f"An earlier {self.server.title} (process {orphan}) does not end: kill it"
                raise ServiceError(message)
            if not asked and orphan.isdigit():
                _signal(int(orphan), self.server.death_signal)
                asked = True
            await asyncio.sleep(POLL_SECONDS)
        return lock

    def _settle(self, error: ServiceError | None) -> None:
        self._state = "running" if error is None else "failed"
        self._problem = None if error is None else str(error)
        if error is not None:
            logs.note(str(error))
            self._refuse(error)
        elif self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _refuse(self, error: ServiceError) -> None:
        if self._settled is not None and not self._settled.done():
            self._settled.set_exception(error)
            # Looked at once, so that asyncio doesn't complain when nobody waits.
            self._settled.exception()

    def _settle_a_fault(self, task: "asyncio.Task[None]") -> None:
        """Let nobody wait for ever when the program itself is at fault."""
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._settle(ServiceError(f"{self.server.title} can't be run: {fault!r}"))

    @property
    def _log(self) -> Path:
        return self._places.log(self.server.name)


def _new_future() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
