"""The process that runs the embedded servers of one home for all its users.

What belongs here: responding to clients, counting users, and stopping without users. A client
starts it, and it leaves that client's session at once. It imports the standard library only.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services.child_process import (
    child_environment,
    log_event,
    open_log,
    truncate_log,
)
from ouspark_assets.services.file_locks import is_locked, try_lock, wait_for_lock
from ouspark_assets.services.paths import (
    ServicePaths,
    create_folders,
    create_socket_folder,
    home_error,
    write_private_file,
)
from ouspark_assets.services.postgres import Postgres
from ouspark_assets.services.protocol import Request, Response, encode
from ouspark_assets.services.server_runner import ServerRunner
from ouspark_assets.services.standin_site import Population, StandinSite
from ouspark_assets.services.start_policy import (
    IDLE_CHECK_INTERVAL,
    KEEPER_INTERVAL,
    LOCK_POLL_INTERVAL,
    STOP_TIMEOUT,
)
from ouspark_assets.services.valkey import Valkey

READY = "ready"
SERVERS_IN_STATUS = ("postgres", "redis", "site")


class ReadinessPipe:
    """Reports readiness or an error to the starting client once; later messages are logged."""

    def __init__(self, pipe: int) -> None:
        """Write to this end of a pipe."""
        self._pipe: int | None = pipe

    def report(self, message: str) -> None:
        """Send the first message; log any other."""
        if self._pipe is None:
            log_event(message)
            return
        pipe, self._pipe = self._pipe, None
        with contextlib.suppress(OSError):
            os.write(pipe, message.encode())
        os.close(pipe)


class Supervisor:
    """The servers of one home, and the socket on which clients reach them."""

    def __init__(self, paths: ServicePaths, sockets: Path, grace: float) -> None:
        """Supervise a home whose supervisor lock this process holds."""
        self._paths = paths
        self._sockets = sockets
        self._grace = grace
        self._site = StandinSite(paths)
        self._production: str | None = None
        valkey = Valkey(paths, sockets, self._find_production)
        servers = (Postgres(paths, sockets), valkey, self._site)
        self._runners = {server.name: ServerRunner(server, paths) for server in servers}
        self._site_lock = asyncio.Lock()
        self._stop_requested = asyncio.Event()
        self._home_inode = _inode(paths.supervisor)
        self._last_needed = time.monotonic()
        self._next_keeper = time.monotonic()

    async def run(self, readiness: ReadinessPipe) -> None:
        """Serve until the servers have no users, a stop is requested, or the home is deleted."""
        control = self._sockets / "control.sock"
        control.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, control)
        contact = {"pid": os.getpid(), "control": str(control)}
        write_private_file(self._paths.contact, json.dumps(contact))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop_requested.set)
        log_event(f"started, grace {self._grace} s")
        readiness.report(READY)
        try:
            gate = await self._wait_until_not_needed()
        finally:
            server.close()
            await asyncio.gather(*(runner.stop() for runner in self._runners.values()))
            control.unlink(missing_ok=True)
            if self._sockets.parent != self._paths.root:
                with contextlib.suppress(OSError):
                    self._sockets.rmdir()
        if gate is not None:
            os.close(gate)

    async def _wait_until_not_needed(self) -> int | None:
        """Return the locked gate when it is time to stop, or None if the home was deleted."""
        while (
            _inode(self._paths.supervisor) == self._home_inode
            and self._paths.users.is_dir()
            and self._sockets.is_dir()
        ):
            try:
                gate = self._lock_gate_if_not_needed()
            except FileNotFoundError:
                # The home is being deleted.
                break
            if gate is not None:
                return gate
            with contextlib.suppress(OSError):
                for name in (*self._runners, "supervisor"):
                    truncate_log(self._paths.log(name))
                await self._ensure_keeper()
            # Pause even if the wait below ends at once: a stop was requested, or the grace is 0.
            await asyncio.sleep(LOCK_POLL_INTERVAL)
            with contextlib.suppress(TimeoutError):
                wait = min(IDLE_CHECK_INTERVAL, self._grace)
                await asyncio.wait_for(self._stop_requested.wait(), wait)
        log_event("stopping: the home was deleted")
        return None

    def _lock_gate_if_not_needed(self) -> int | None:
        gate = try_lock(self._paths.gate)
        if gate is None:
            return None
        now = time.monotonic()
        # No process becomes a user while we hold the gate, so an unlocked file is of a dead one.
        for entry in self._user_files():
            if not is_locked(entry):
                entry.unlink(missing_ok=True)
        if self._user_pids() or self._paths.keep.exists():
            self._last_needed = now
        is_idle = now - self._last_needed > self._grace
        if is_idle or self._stop_requested.is_set():
            log_event(f"stopping: {'no users' if is_idle else 'a stop was requested'}")
            return gate
        os.close(gate)
        return None

    async def _ensure_keeper(self) -> None:
        """Start the process that restarts this one, if servers are kept and it does not run."""
        if not self._paths.keep.exists() or time.monotonic() < self._next_keeper:
            return
        self._next_keeper = time.monotonic() + KEEPER_INTERVAL
        if is_locked(self._paths.keeper):
            return
        command = [sys.executable, "-P", "-m", "ouspark_assets.services.keeper"]
        process = await asyncio.create_subprocess_exec(
            *command,
            str(self._paths.home),
            *("--grace", str(self._grace)),
            cwd="/",
            env=child_environment(self._production),
        )
        await process.wait()

    def _user_pids(self) -> list[int]:
        files = self._user_files()
        return sorted(int(entry.name.partition(".")[0]) for entry in files if is_locked(entry))

    def _user_files(self) -> list[Path]:
        if not self._paths.users.is_dir():
            return []
        entries = self._paths.users.iterdir()
        return [entry for entry in entries if entry.name.partition(".")[0].isdigit()]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line:
                writer.write(encode(await self._respond(Request.decode(line))))
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def _respond(self, request: Request) -> Response:
        if request.verb == "need":
            return await self._start_servers(request)
        if request.verb == "keep":
            write_private_file(self._paths.keep, encode(self._running_servers()).decode())
            await self._ensure_keeper()
        elif request.verb == "stop":
            self._paths.keep.unlink(missing_ok=True)
            self._stop_requested.set()
        return self._status()

    async def _find_production(self) -> str | None:
        """Return the address of the production database; None if the embedded one is empty."""
        if self._production is not None or not self._paths.data("postgres").exists():
            return self._production
        runner = self._runners["postgres"]
        await runner.ensure_running()
        return runner.server.addresses()["prod_dsn"]

    async def _start_servers(self, request: Request) -> Response:
        self._production = request.production
        tasks = [
            self._start_site(request.population)
            if name == "site"
            else self._runners[name].ensure_running()
            for name in request.servers
        ]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, ServiceError):
                return Response(error=str(result), supervisor_pid=os.getpid())
            if isinstance(result, BaseException):
                raise result
        addresses: dict[str, str] = {}
        for name in request.servers:
            addresses |= self._runners[name].server.addresses()
        return Response(addresses=addresses, supervisor_pid=os.getpid())

    async def _start_site(self, population: Population | None) -> None:
        """Start the stand-in with this population; replace one with another population."""
        runner = self._runners[self._site.name]
        async with self._site_lock:
            if self._site.population != population:
                await runner.stop()
                self._site.population = population
            await runner.ensure_running()

    def _running_servers(self) -> Request:
        """Return the request that starts the servers that run now."""
        running = [
            name for name, runner in self._runners.items() if runner.report().state == "running"
        ]
        return Request("need", tuple(running), self._site.population)

    def _status(self) -> Response:
        addresses: dict[str, str] = {}
        for runner in self._runners.values():
            if runner.report().state == "running":
                addresses |= runner.server.addresses()
        return Response(
            addresses=addresses,
            reports=tuple(self._runners[name].report() for name in SERVERS_IN_STATUS),
            supervisor_pid=os.getpid(),
            users=len(self._user_pids()),
            kept=self._paths.keep.exists(),
        )


def main() -> None:
    """Run in the background; the starting process waits for readiness or one line of error."""
    parser = argparse.ArgumentParser(description="Run the embedded servers of a home.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--grace", type=float, required=True)
    arguments = parser.parse_args()
    reader, writer = os.pipe()
    if os.fork() != 0:
        os.close(writer)
        _wait_for_readiness(reader)
    os.close(reader)
    os.setsid()
    os.umask(0o077)
    readiness = ReadinessPipe(writer)
    try:
        _run(arguments.home, arguments.grace, readiness)
    except ServiceError as error:
        readiness.report(str(error))
    except OSError as error:
        readiness.report(str(home_error(arguments.home, error)))


def _run(home: Path, grace: float, readiness: ReadinessPipe) -> None:
    paths = create_folders(home)
    log = open_log(paths.log("supervisor"))
    lock = wait_for_lock(paths.supervisor, STOP_TIMEOUT)
    if lock is None:
        message = f"The previous supervisor of {paths.home} does not end. See {paths.logs}."
        raise ServiceError(message)
    sockets = create_socket_folder(paths)
    # Close the terminal or the pipes of the starting process.
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    asyncio.run(Supervisor(paths, sockets, grace).run(readiness))


def _wait_for_readiness(reader: int) -> NoReturn:
    with os.fdopen(reader, "rb") as pipe:
        message = pipe.read().decode("utf-8", "replace")
    if message != READY:
        sys.stderr.write(message or "the supervisor ended without a message")
    sys.stderr.flush()
    # Not sys.exit, which would run the cleanup that belongs to the forked child.
    os._exit(0 if message == READY else 1)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    main()
