"""Serving a world until told to stop: listening, publishing on time, stopping cleanly.

What is served is `results_site.py`; the options come from `command.py`.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.standin.connection import Connection
from ouspark_assets.standin.fault_injection import BadDays
from ouspark_assets.standin.fault_profiles import Fault
from ouspark_assets.standin.routes import ResultsSite
from ouspark_assets.standin.world import World

PARENT_CHECK_SECONDS: Final = 1.0
BACKLOG: Final = 1024


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how a world is served."""

    host: str
    port: int
    faults: tuple[Fault, ...] = ()
    fault_seed: int = 1
    release_after: float | None = None
    ready_file: Path | None = None
    parent: int | None = None


def serve(world: World, serving: Serving, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told the base URL once it listens."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(world, serving, announce))


async def _serve(world: World, serving: Serving, announce: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    site = ResultsSite(world, BadDays(serving.faults, serving.fault_seed))
    clients: set[Connection] = set()
    server = await _listen(site, clients, serving)
    url = _url_of(server, serving.host)
    if serving.ready_file is not None:
        write_ready(serving.ready_file, url)
    announce(url)
    tasks = _background(world, site, serving, stopped)
    await stopped.wait()
    for task in tasks:
        task.cancel()
    server.close()
    for client in tuple(clients):
        client.drop()
    await server.wait_closed()


def write_ready(path: Path, url: str) -> None:
    """Write the base URL so that whoever reads the file reads all of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(url, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        message = f"Can't write --ready-file {path}: {error.strerror}; choose a folder that exists"
        raise SiteError(message) from error


async def _listen(site: ResultsSite, clients: set[Connection], serving: Serving) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(
            lambda: Connection(site, clients), serving.host, serving.port, backlog=BACKLOG
        )
    except OSError as error:
        message = (
            f"Can't listen on {serving.host}:{serving.port}: "
            f"{error.strerror or error}; choose another --port (0 takes a free one)"
        )
        raise SiteError(message) from error


def _url_of(server: asyncio.Server, host: str) -> str:
    port = server.sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _background(
    world: World, site: ResultsSite, serving: Serving, stopped: asyncio.Event
) -> list[asyncio.Task[None]]:
    work = []
    if serving.release_after is not None:
        work.append(_publish_on(world, site, serving.release_after))
    if serving.parent is not None:
        work.append(_stop_without(serving.parent, stopped))
    return [asyncio.get_running_loop().create_task(each) for each in work]


async def _publish_on(world: World, site: ResultsSite, seconds: float) -> None:
    """Publish the next release every so many seconds; the next one is worked out meanwhile."""
    while not world.complete:
        due = asyncio.get_running_loop().time() + seconds
        publication = await asyncio.to_thread(world.unfold)
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        site.publish(publication)


async def _stop_without(parent: int, stopped: asyncio.Event) -> None:
    """Stop when the process that started this one is gone, killed or not; nothing tells of it."""
    while os.getppid() == parent:  # noqa: ASYNC110
        await asyncio.sleep(PARENT_CHECK_SECONDS)
    stopped.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where there is one: it serves about three times as many pages."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
