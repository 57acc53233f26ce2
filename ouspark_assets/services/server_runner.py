"""Running one server: start it, restart it after a crash, stop it.

What belongs here: the life of a server's process, the interface of a server (`Server`) and the
ports of TCP servers. What is specific to one server is in its own module.
"""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.child_process import (
    Child,
    Identity,
    exit_error,
    log_event,
    log_size,
    read_last_lines,
    start_child,
    stop_child,
)
from ouspark_assets.services.file_locks import try_lock
from ouspark_assets.services.paths import (
    PRIVATE_FILE,
    ServicePaths,
    home_error,
    write_private_file,
)
from ouspark_assets.services.start_policy import (
    MAX_QUICK_CRASHES,
    ORPHAN_TIMEOUT,
    POLL_INTERVAL,
    READY_TIMEOUT,
    STABLE_SECONDS,
)

LOOPBACK = "127.0.0.1"
MAX_PORT = 65535

State = Literal["stopped", "starting", "running", "failed"]


@dataclass(frozen=True)
class Launch:
    """The command of a prepared server, and the identity that it runs under."""

    command: Sequence[str]
    identity: Identity = "self"


class Server(Protocol):
    """A server; its runner calls these methods in order, again after every crash."""

    name: str
    title: str
    attempts: int
    death_signal: signal.Signals
    stop_steps: Sequence[tuple[signal.Signals, float]]

    @property
    def version(self) -> str | None:
        """The version of the program; known once the server is prepared."""

    async def prepare(self, lock: int) -> Launch:
        """Prepare data and configuration; no process of an earlier start is alive."""

    def is_ready(self, pid: int) -> bool:
        """Return whether the process accepts work."""

    async def finish(self) -> None:
        """Complete the start once the process accepts work."""

    def addresses(self) -> dict[str, str]:
        """Return the addresses by the names of the settings that would replace them."""


@dataclass(frozen=True)
class ServerReport:
    """The state of a server at one moment."""

    name: str
    title: str
    state: State
    version: str | None
    pid: int | None
    uptime_seconds: float | None
    restarts: int
    problem: str | None


class ServerRunner:
    """Runs one server under the supervisor."""

    def __init__(self, server: Server, paths: ServicePaths) -> None:
        """Create the runner of a server that is not running yet."""
        self.server = server
        self._paths = paths
        self._log = paths.log(server.name)
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        self._state: State = "stopped"
        self._running_since = 0.0
        self._restarts = 0
        self._problem: str | None = None

    async def ensure_running(self) -> None:
        """Return once the server runs; every waiting caller gets the error of a failed start."""
        if self._task is None or self._task.done():
            self._started = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(self._fail_on_defect)
        if self._started is not None:
            await asyncio.shield(self._started)

    async def stop(self) -> None:
        """Stop the server and wait for its end."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None:
            await stop_child(self._process, self.server.stop_steps)
            self._process = None
        self._state = "stopped"

    def report(self) -> ServerReport:
        """Return the present state of the server."""
        process = self._process if self._state == "running" else None
        uptime = round(time.monotonic() - self._running_since, 1)
        return ServerReport(
            name=self.server.name,
            title=self.server.title,
            state=self._state,
            version=self.server.version,
            pid=process.pid if process else None,
            uptime_seconds=uptime if process else None,
            restarts=self._restarts,
            problem=self._problem,
        )

    async def _run(self) -> None:
        """Start the server, and restart it whenever it ends by itself."""
        quick_crashes = 0
        try:
            while quick_crashes < MAX_QUICK_CRASHES:
                process = await self._start_with_attempts()
                offset = log_size(self._log)
                self._set_outcome(None)
                code = await process.wait()
                was_stable = time.monotonic() - self._running_since > STABLE_SECONDS
                quick_crashes = 1 if was_stable else quick_crashes + 1
                self._record_crash(exit_error(self.server.title, code, self._log, offset))
            self._set_outcome(
                ServiceError(f"{self._problem}. It crashed again after each restart.")
            )
        except ServiceError as error:
            self._set_outcome(error)
        except OSError as error:
            self._set_outcome(home_error(self._paths.home, error))
        except asyncio.CancelledError:
            self._fail_waiting(ServiceError(f"{self.server.title} was stopped while it started"))
            raise

    def _record_crash(self, error: ServiceError) -> None:
        self._started = asyncio.get_running_loop().create_future()
        self._state = "starting"
        self._restarts += 1
        self._problem = str(error)
        # The system may give the pid to another program, which must not receive our signals.
        self._paths.lock(self.server.name).write_text("", "ascii")
        log_event(f"{error}; restarting it")

    async def _start_with_attempts(self) -> asyncio.subprocess.Process:
        for _ in range(self.server.attempts - 1):
            try:
                return await self._start()
            except ServiceError as error:
                self._problem = str(error)
        return await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        self._state = "starting"
        lock = await self._acquire_lock()
        try:
            launch = await self.server.prepare(lock)
            offset = log_size(self._log)
            child = Child(
                launch.command, self._log, self.server.death_signal, launch.identity, lock
            )
            process = self._process = await start_child(child)
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(process.pid).encode(), 0)
        finally:
            # From here on, only the server's own processes hold the lock.
            os.close(lock)
        try:
            await self._wait_until_ready(process, offset)
            await self.server.finish()
        except ServiceError:
            await stop_child(process, self.server.stop_steps)
            raise
        self._running_since = time.monotonic()
        log_event(f"{self.server.title} runs as process {process.pid}")
        return process

    async def _wait_until_ready(self, process: asyncio.subprocess.Process, offset: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not self.server.is_ready(process.pid):
            if process.returncode is not None:
                raise exit_error(self.server.title, process.returncode, self._log, offset)
            if time.monotonic() > deadline:
                quoted = read_last_lines(self._log, offset) or "it logged nothing"
                message = f"{self.server.title} is not ready after {READY_TIMEOUT:.0f} s: {quoted}"
                raise ServiceError(message)
            await asyncio.sleep(POLL_INTERVAL)

    async def _acquire_lock(self) -> int:
        """Lock the server; a process that holds the lock belongs to a dead supervisor."""
        path = self._paths.lock(self.server.name)
        path.touch(PRIVATE_FILE)
        deadline = time.monotonic() + ORPHAN_TIMEOUT
        is_signalled = False
        while (lock := try_lock(path)) is None:
            orphan = path.read_text("ascii").strip()
            if time.monotonic() > deadline:
                message = (
                    f"{self.server.title} of an earlier supervisor does not end. "
                    f"Kill process {orphan}."
                )
                raise ServiceError(message)
            if not is_signalled and orphan.isdigit():
                with suppress(ProcessLookupError):
                    os.kill(int(orphan), self.server.death_signal)
                is_signalled = True
            await asyncio.sleep(POLL_INTERVAL)
        return lock

    def _set_outcome(self, error: ServiceError | None) -> None:
        """Record that a start succeeded (None) or failed, and release the waiting callers."""
        self._state = "running" if error is None else "failed"
        self._problem = None if error is None else str(error)
        if error is not None:
            log_event(str(error))
            self._fail_waiting(error)
        elif self._started is not None and not self._started.done():
            self._started.set_result(None)

    def _fail_waiting(self, error: ServiceError) -> None:
        if self._started is not None and not self._started.done():
            self._started.set_exception(error)
            # Retrieved once, because asyncio logs an exception that nobody retrieves.
            self._started.exception()

    def _fail_on_defect(self, task: "asyncio.Task[None]") -> None:
        """Fail the waiting callers when this module itself raised an unexpected exception."""
        defect = None if task.cancelled() else task.exception()
        if defect is not None:
            self._set_outcome(ServiceError(f"{self.server.title} can't be run: {defect!r}"))


def choose_port(paths: ServicePaths, name: str) -> int:
    """Return a free port of the loopback interface, if possible that of the last start."""
    remembered = _read_ports(paths).get(name, 0)
    for port in (remembered, 0):
        with socket.socket() as probe:
            # Closed connections of the last start that still linger do not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = f"No free port on {LOOPBACK}"
    raise OSError(message)


def remember_port(paths: ServicePaths, name: str, port: int) -> None:
    """Record a server's port for its next start."""
    ports = _read_ports(paths)
    if ports.get(name) != port:
        write_private_file(paths.data("ports.json"), json.dumps(ports | {name: port}))


def _read_ports(paths: ServicePaths) -> dict[str, int]:
    try:
        ports = json.loads(paths.data("ports.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(ports, dict):
        return {}
    return {
        str(name): port
        for name, port in ports.items()
        if isinstance(port, int) and 0 < port <= MAX_PORT
    }
