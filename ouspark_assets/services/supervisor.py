"""The process that runs the embedded servers of one home, for all its users.

What belongs here: answering clients, noticing that nobody needs the servers any more, stopping.
Started by a client, it leaves that client's session at once. It imports the standard library only.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import file_locks as locks
from ouspark_assets.services import logs
from ouspark_assets.services.paths import (
    Places,
    prepare,
    socket_folder,
    unusable,
    write_private,
)
from ouspark_assets.services.postgres import Postgres
from ouspark_assets.services.protocol import Answer, Question
from ouspark_assets.services.server_runner import Keeper
from ouspark_assets.services.standin_site import Population, ResultsSite
from ouspark_assets.services.valkey import Valkey

TICK_SECONDS = 0.25
# Longer than a server may take to stop, so that a successor never gives up too early.
PREDECESSOR_SECONDS = 120.0
READY = "ready"
SERVERS_IN_STATUS = ("postgres", "redis", "site")


class Starter:
    """The process that waits for the first word; it hears one and no more."""

    def __init__(self, pipe: int) -> None:
        """At the other end of a pipe."""
        self._pipe: int | None = pipe

    def tell(self, message: str) -> None:
        """Say that all is ready, or why not; later words go to the log."""
        if self._pipe is None:
            logs.note(message)
            return
        pipe, self._pipe = self._pipe, None
        with contextlib.suppress(OSError):
            os.write(pipe, message.encode())
        os.close(pipe)


class Supervisor:
    """The servers of one home and the clients' door to them."""

    def __init__(self, places: Places, sockets: Path, grace: float) -> None:
        """Of a home whose supervisor lock is held."""
        self._places = places
        self._sockets = sockets
        self._grace = grace
        self._site = ResultsSite(places)
        self._keepers = {
            server.name: Keeper(server, places)
            for server in (
                Postgres(places, sockets),
                Valkey(places, sockets),
                self._site,
            )
        }
        self._site_lock = asyncio.Lock()
        self._stop_asked = asyncio.Event()
        self._identity = _inode(places.supervisor)
        self._last_needed = time.monotonic()

    async def run(self, starter: Starter) -> None:
        """Serve until nobody needs the servers, somebody says stop, or the home is gone."""
        door = self._sockets / "control.sock"
        door.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, door)
        write_private(self._places.contact, json.dumps({"pid": os.getpid(), "control": str(door)}))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop_asked.set)
        logs.note(f"started, grace {self._grace} s")
        starter.tell(READY)
        try:
            gate = await self._until_not_needed()
        finally:
            server.close()
            await asyncio.gather(*(keeper.stop() for keeper in self._keepers.values()))
            self._leave(door)
        if gate is not None:
            os.close(gate)

    async def _until_not_needed(self) -> int | None:
        """Wait for the end; return the closed gate, or None when the home is gone."""
        while self._home_is_there():
            try:
                gate = self._close_gate_if_not_needed()
            except FileNotFoundError:
                # The home is being deleted this very moment.
                break
            if gate is not None:
                return gate
            with contextlib.suppress(OSError):
                self._bound_logs()
            await self._pause()
        logs.note("stopping: the home is gone")
        return None

    def _close_gate_if_not_needed(self) -> int | None:
        gate = locks.try_lock(self._places.gate)
        if gate is None:
            return None
        now = time.monotonic()
        if self._is_needed():
            self._last_needed = now
        idle = now - self._last_needed > self._grace
        if idle or self._stop_asked.is_set():
            logs.note(f"stopping: {'nobody needs the servers' if idle else 'asked to'}")
            return gate
        os.close(gate)
        return None

    def _home_is_there(self) -> bool:
        same = _inode(self._places.supervisor) == self._identity
        return same and self._places.users.is_dir() and self._sockets.is_dir()

    def _is_needed(self) -> bool:
        locks.sweep(self._places)
        return bool(locks.users(self._places)) or self._places.keep.exists()

    def _bound_logs(self) -> None:
        for name in (*self._keepers, "supervisor"):
            logs.bound(self._places.log(name))

    async def _pause(self) -> None:
        """Until the next look; never less than a moment, even with the gate held by another."""
        await asyncio.sleep(locks.PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop_asked.wait(), min(TICK_SECONDS, self._grace))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line:
                writer.write((await self._answer(Question.decode(line))).encode())
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def _answer(self, question: Question) -> Answer:
        if question.verb == "need":
            return await self._need(question)
        if question.verb == "keep":
            self._places.keep.touch(0o600)
        elif question.verb == "stop":
            self._places.keep.unlink(missing_ok=True)
            self._stop_asked.set()
        return self._status()

    async def _need(self, question: Question) -> Answer:
        tasks = [
            self._need_site(question.population) if name == "site" else self._keepers[name].ensure()
            for name in question.servers
        ]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, ServiceError):
                return Answer(error=str(result), supervisor_pid=os.getpid())
            if isinstance(result, BaseException):
                raise result
        addresses: dict[str, str] = {}
        for name in question.servers:
            addresses |= self._keepers[name].server.addresses()
        return Answer(addresses=addresses, supervisor_pid=os.getpid())

    async def _need_site(self, population: Population | None) -> None:
        """The site with this population; another one is replaced."""
        keeper = self._keepers[self._site.name]
        async with self._site_lock:
            if self._site.population != population:
                await keeper.stop()
                self._site.population = population
            await keeper.ensure()

    def _status(self) -> Answer:
        running = [
            keeper for keeper in self._keepers.values() if keeper.report().state == "running"
        ]
        addresses: dict[str, str] = {}
        for keeper in running:
            addresses |= keeper.server.addresses()
        return Answer(
            addresses=addresses,
            reports=tuple(self._keepers[name].report() for name in SERVERS_IN_STATUS),
            supervisor_pid=os.getpid(),
            users=len(locks.users(self._places)),
            kept=self._places.keep.exists(),
        )

    def _leave(self, door: Path) -> None:
        door.unlink(missing_ok=True)
        if self._sockets.parent != self._places.root:
            with contextlib.suppress(OSError):
                self._sockets.rmdir()


@dataclass(frozen=True)
class Arguments:
    """What the client says on the command line."""

    home: Path
    grace: float


def main() -> None:
    """Detach, then run; the caller waits for `ready` or one line of error."""
    parser = argparse.ArgumentParser(description="Run the embedded servers of a home.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--grace", type=float, default=5.0)
    arguments = Arguments(**vars(parser.parse_args()))
    reader, writer = os.pipe()
    if os.fork() != 0:
        os.close(writer)
        _report(reader)
    os.close(reader)
    os.setsid()
    os.umask(0o077)
    starter = Starter(writer)
    try:
        _run(arguments, starter)
    except ServiceError as error:
        starter.tell(str(error))
    except OSError as error:
        starter.tell(str(unusable(arguments.home, error)))


def _run(arguments: Arguments, starter: Starter) -> None:
    places = prepare(arguments.home)
    log = logs.open_log(places.log("supervisor"))
    lock = locks.wait_lock(places.supervisor, PREDECESSOR_SECONDS)
    if lock is None:
        message = f"An earlier supervisor of {places.home} does not end (see {places.logs})"
        raise ServiceError(message)
    sockets = socket_folder(places)
    _detach(log)
    asyncio.run(Supervisor(places, sockets, arguments.grace).run(starter))


def _detach(log: int) -> None:
    """Let go of the starter's terminal or pipes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _report(reader: int) -> NoReturn:
    with os.fdopen(reader, "rb") as pipe:
        message = pipe.read().decode("utf-8", "replace")
    if message != READY:
        sys.stderr.write(message or "the supervisor ended without a word")
    sys.stderr.flush()
    # Not sys.exit: what was set up for the other half of the fork must not be torn down here.
    os._exit(0 if message == READY else 1)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    main()
