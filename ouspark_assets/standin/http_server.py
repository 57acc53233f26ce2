"""The HTTP server of the stand-in: connections, timed publication of releases, clean shutdown.

HTTP messages are in `http_messages.py`, the responses in `routes.py`, the options in `command.py`.
"""

import asyncio
import os
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Final, cast

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.standin.fault_injection import FaultInjector
from ouspark_assets.standin.fault_profiles import Fault
from ouspark_assets.standin.http_messages import (
    AT_ONCE,
    Delivery,
    RefusedError,
    Request,
    Response,
    parse_request,
)
from ouspark_assets.standin.routes import ResultsSite
from ouspark_assets.standin.world import World

PARENT_CHECK_INTERVAL: Final = 1.0
BACKLOG: Final = 1024
MAX_BUFFERED_BYTES: Final = 256 * 1024
DRIPS: Final = 60
NO_LINGER: Final = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """A client's connection; requests are answered in their order, pipelined ones too."""

    def __init__(self, site: ResultsSite, connections: "set[Connection]") -> None:
        self._site = site
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._busy = False
        self._paused = False
        self._delivery: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or reset it while the site is down."""
        self._transport = cast("asyncio.Transport", transport)
        if self._site.is_down(self._loop.time()):
            self._reset()
        else:
            self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Remove the connection and cancel a delivery under way."""
        self._connections.discard(self)
        if self._delivery is not None:
            self._delivery.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are complete with these bytes."""
        self._buffer += data
        if self._busy or self._paused:
            if len(self._buffer) > MAX_BUFFERED_BYTES:
                self._transport.pause_reading()
            return
        self._answer_all()

    def pause_writing(self) -> None:
        """Stop answering, because the client reads too slowly."""
        self._paused = True

    def resume_writing(self) -> None:
        """Continue answering."""
        self._paused = False
        self._continue()

    def drop(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _continue(self) -> None:
        if not self._busy and not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()
            self._answer_all()

    def _answer_all(self) -> None:
        while not (self._busy or self._paused or self._transport.is_closing()):
            try:
                parsed = parse_request(self._buffer)
            except RefusedError as refused:
                self._refuse(refused.status)
                return
            if parsed is None:
                return
            request, length = parsed
            del self._buffer[:length]
            self._answer(request)

    def _answer(self, request: Request) -> None:
        response = self._site.respond(request, self._loop.time())
        head = response.head(keep_alive=request.keep_alive)
        silent = request.method == "HEAD" or response.status is HTTPStatus.NOT_MODIFIED
        body = b"" if silent else response.body
        if response.delivery is AT_ONCE:
            self._transport.write(head + body)
            if not request.keep_alive:
                self._transport.close()
            return
        self._busy = True
        deliver = self._deliver(response.delivery, head, body, keep_alive=request.keep_alive)
        self._delivery = self._loop.create_task(deliver)

    async def _deliver(
        self, delivery: Delivery, head: bytes, body: bytes, *, keep_alive: bool
    ) -> None:
        if delivery.never:
            return
        if delivery.resets:
            self._reset()
            return
        await asyncio.sleep(delivery.delay)
        if delivery.drip_seconds:
            text = head + body
            size = max(1, len(text) // DRIPS)
            for begin in range(0, len(text), size):
                self._transport.write(text[begin : begin + size])
                await asyncio.sleep(delivery.drip_seconds / DRIPS)
        else:
            self._transport.write(head + body[: int(len(body) * delivery.keeps)])
        if delivery.keeps < 1 or not keep_alive:
            self._transport.close()
        self._busy = False
        self._continue()

    def _reset(self) -> None:
        """Close the connection so that the client gets a TCP reset: with a linger time of 0."""
        socket = self._transport.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, NO_LINGER)
        self._transport.abort()

    def _refuse(self, status: HTTPStatus) -> None:
        body = f"<html><body><h1>{status.value} {status.phrase}</h1></body></html>".encode()
        self._transport.write(Response(body, status).head(keep_alive=False) + body)
        self._transport.close()


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and how the site is served."""

    host: str
    port: int
    faults: tuple[Fault, ...] = ()
    fault_seed: int = 1
    release_after: float | None = None
    ready_file: Path | None = None
    parent: int | None = None


def serve(
    world: World,
    options: ServerOptions,
    announce: Callable[[str], None],
    notify: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is called with the base URL when it listens.

    `notify` is called with a line for each release that is published afterwards.
    """
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        # Serves about three times as many pages as the event loop of asyncio.
        from uvloop import new_event_loop as loop_factory
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(world, options, announce, notify))


async def _serve(
    world: World,
    options: ServerOptions,
    announce: Callable[[str], None],
    notify: Callable[[str], None],
) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    site = ResultsSite(world, FaultInjector(options.faults, options.fault_seed))
    connections: set[Connection] = set()
    server = await _listen(site, connections, options)
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{server.sockets[0].getsockname()[1]}"
    if options.ready_file is not None:
        write_ready_file(options.ready_file, url)
    announce(url)
    tasks = []
    if options.release_after is not None:
        publishing = _publish_releases(world, site, options.release_after, notify)
        tasks.append(loop.create_task(publishing))
    if options.parent is not None:
        tasks.append(loop.create_task(_stop_without_parent(options.parent, stopped)))
    await stopped.wait()
    for task in tasks:
        task.cancel()
    server.close()
    for connection in tuple(connections):
        connection.drop()
    await server.wait_closed()


def write_ready_file(path: Path, url: str) -> None:
    """Write the base URL atomically, so that no reader sees a part of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(url, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        message = f"Can't write --ready-file {path}: {error.strerror}. Choose an existing folder."
        raise SiteError(message) from error


async def _listen(
    site: ResultsSite, connections: set[Connection], options: ServerOptions
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(
            lambda: Connection(site, connections), options.host, options.port, backlog=BACKLOG
        )
    except OSError as error:
        message = (
            f"Can't listen on {options.host}:{options.port}: {error.strerror or error}. "
            "Choose another --port (0 takes a free one)."
        )
        raise SiteError(message) from error


async def _publish_releases(
    world: World, site: ResultsSite, interval: float, notify: Callable[[str], None]
) -> None:
    """Publish a release per interval of seconds; each is simulated during the wait."""
    loop = asyncio.get_running_loop()
    while not world.is_complete:
        due = loop.time() + interval
        published = await asyncio.to_thread(world.publish_next_release)
        await asyncio.sleep(due - loop.time())
        site.publish(published)
        notify(f"Published release {published.release.key}: {published.release.title}")
    notify("Every release of the stand-in is published; no other follows.")


async def _stop_without_parent(parent: int, stopped: asyncio.Event) -> None:
    """Stop when the parent process is gone; a killed parent sends no signal, so poll."""
    while os.getppid() == parent:  # noqa: ASYNC110
        await asyncio.sleep(PARENT_CHECK_INTERVAL)
    stopped.set()
