"""A results site of a few lines: real HTTP from a thread, with whatever answers a test needs."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from ouspark_assets_tests.sources.results_site.pages_by_hand import found_page, sentence_page


@dataclass(frozen=True)
class Sent:
    """What goes over the wire: an answer, or a connection that breaks off."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    cut_to: int | None = None
    seconds: float = 0.0
    endless: bool = False
    seconds_a_byte: float = 0.0


@dataclass
class SmallSite:
    """A running site, and what it was asked."""

    url: str = ""
    asked: list[tuple[float, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def page(self, release: str = "20250402") -> str:
        return f"{self.url}/res07/{release}.jsp"

    @property
    def tickets(self) -> list[str]:
        return [ticket for _, ticket in self.asked]


Answers = Callable[[str], Sent]


def answers_for(students: set[str]) -> Answers:
    """Answers of a site that knows these students and has a good day."""
    return lambda ticket: Sent(found_page(ticket) if ticket in students else sentence_page(ticket))


@contextmanager
def small_site(answers: Answers, *, tls: ssl.SSLContext | None = None) -> Iterator[SmallSite]:
    """Serve until the end of the block; for a GET, `answers` is given the path."""
    site = SmallSite()
    ready, ended = threading.Event(), threading.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _talk(reader, writer, site, answers)

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        site.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        ready.set()
        await asyncio.to_thread(ended.wait)
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield site
    finally:
        ended.set()
        thread.join(10)


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, site: SmallSite, answers: Answers
) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (
                    int(line.split(":")[1])
                    for line in head.split("\r\n")
                    if line.lower().startswith("content-length:")
                ),
                0,
            )
            body = (await reader.readexactly(length)).decode("latin-1")
            asked = body.rsplit("htno=", 1)[-1] if length else head.split(" ")[1]
            site.asked.append((time.monotonic(), asked))
            site.heads.append(head)
            if not await _send(writer, answers(asked)):
                return
    except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
        return
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, sent: Sent) -> bool:
    """Whether the connection stays open."""
    if sent.reset:
        writer.transport.abort()
        return False
    headers = {"Content-Length": str(len(sent.body)), "Content-Type": "text/html", **sent.headers}
    if sent.endless:
        del headers["Content-Length"]
    lines = [f"HTTP/1.1 {sent.status} {HTTPStatus(sent.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if sent.seconds:
        await writer.drain()
        await asyncio.sleep(sent.seconds)
    if sent.endless:
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()
    if sent.seconds_a_byte:
        for place in range(len(sent.body)):
            writer.write(sent.body[place : place + 1])
            await asyncio.sleep(sent.seconds_a_byte)
        return True
    writer.write(sent.body[: sent.cut_to])
    await writer.drain()
    return sent.cut_to is None
