"""One connection of a client: bytes in, requests in their order, responses out as they are to go.

No page is known here; what is answered comes from the site.
"""

import asyncio
import struct
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from typing import Final, cast

from ouspark_assets.standin.http_messages import AT_ONCE, RefusedError, Request, Response, parsed
from ouspark_assets.standin.routes import ResultsSite

MOST_WAITING_BYTES: Final = 256 * 1024
DRIPS: Final = 60
LINGER_NOT: Final = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """Answers a client's requests one after the other, pipelined ones too."""

    def __init__(self, site: ResultsSite, clients: "set[Connection]") -> None:
        self._site = site
        self._clients = clients
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._busy = False
        self._paused = False
        self._slowly: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, unless the site is down."""
        self._transport = cast("asyncio.Transport", transport)
        if self._site.down(self._loop.time()):
            self._reset()
        else:
            self._clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the client."""
        self._clients.discard(self)
        if self._slowly is not None:
            self._slowly.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes in and answer what is whole."""
        self._buffer += data
        if self._busy or self._paused:
            if len(self._buffer) > MOST_WAITING_BYTES:
                self._transport.pause_reading()
            return
        self._answer_all()

    def pause_writing(self) -> None:
        """The client reads too slowly: answer no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._paused = False
        self._go_on()

    def drop(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _go_on(self) -> None:
        if not self._busy and not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()
            self._answer_all()

    def _answer_all(self) -> None:
        while not (self._busy or self._paused or self._transport.is_closing()):
            try:
                whole = parsed(self._buffer)
            except RefusedError as refused:
                self._refuse(refused.status)
                return
            if whole is None:
                return
            request, length = whole
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
        sending = self._send(response, head, body, keep_alive=request.keep_alive)
        self._slowly = self._loop.create_task(sending)

    async def _send(
        self, response: Response, head: bytes, body: bytes, *, keep_alive: bool
    ) -> None:
        """Deliver a response in the way of a bad day."""
        how = response.delivery
        if how.never:
            return
        if how.resets:
            self._reset()
            return
        await asyncio.sleep(how.delay)
        if how.drip_seconds:
            await self._drip(head + body, how.drip_seconds)
        else:
            self._transport.write(head + body[: int(len(body) * how.keeps)])
        if how.keeps < 1 or not keep_alive:
            self._transport.close()
        self._busy = False
        self._go_on()

    async def _drip(self, text: bytes, seconds: float) -> None:
        size = max(1, len(text) // DRIPS)
        for begin in range(0, len(text), size):
            self._transport.write(text[begin : begin + size])
            await asyncio.sleep(seconds / DRIPS)

    def _reset(self) -> None:
        """End the connection the hard way: without lingering, the client gets a reset."""
        socket = self._transport.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, LINGER_NOT)
        self._transport.abort()

    def _refuse(self, status: HTTPStatus) -> None:
        said = f"<html><body><h1>{status.value} {status.phrase}</h1></body></html>".encode()
        self._transport.write(Response(said, status).head(keep_alive=False) + said)
        self._transport.close()
