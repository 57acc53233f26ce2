"""The results site of a trial: a stand-in that publishes its next release on SIGUSR1.

It runs in a process of its own, which can be killed; after a restart it has the same history. Pages
and faults are those of the stand-in.
"""

import asyncio
import os
import signal
from pathlib import Path

import click

from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.fault_injection import FaultInjector
from ouspark_assets.standin.fault_profiles import parse_faults
from ouspark_assets.standin.http_server import Connection, write_ready_file
from ouspark_assets.standin.routes import ResultsSite
from ouspark_assets.standin.world import World

HOST = "127.0.0.1"
BACKLOG = 1024
PARENT_CHECK_INTERVAL = 1.0


@click.command()
@click.option("--students", type=int, required=True)
@click.option("--releases", type=int, required=True, help="Number of releases at the beginning.")
@click.option("--published", type=int, required=True, help="Number of releases published by now.")
@click.option("--seed", type=int, required=True)
@click.option("--faults", required=True)
@click.option("--port", type=int, required=True)
@click.option("--ready-file", type=click.Path(path_type=Path), required=True)
def main(
    *,
    students: int,
    releases: int,
    published: int,
    seed: int,
    faults: str,
    port: int,
    ready_file: Path,
) -> None:
    """Serve until SIGTERM, or until the parent is gone."""
    world = World(Scale(seed=seed, students=students, releases=releases))
    while len(world.published) < published:
        world.publish_next_release()
    site = ResultsSite(world, FaultInjector(parse_faults(faults), seed))
    asyncio.run(_serve(world, site, port, ready_file))


async def _serve(world: World, site: ResultsSite, port: int, ready_file: Path) -> None:
    loop, stopped, parent = asyncio.get_running_loop(), asyncio.Event(), os.getppid()
    clients: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(site, clients), HOST, port, backlog=BACKLOG
    )

    def report_ready() -> None:
        url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        write_ready_file(ready_file, f"{url} {len(world.published)}")

    def publish() -> None:
        site.publish(world.publish_next_release())
        report_ready()

    loop.add_signal_handler(signal.SIGUSR1, publish)
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    report_ready()
    # There is no notification when the parent is killed, so poll.
    while os.getppid() == parent and not stopped.is_set():  # noqa: ASYNC110
        await asyncio.sleep(PARENT_CHECK_INTERVAL)


if __name__ == "__main__":
    main()
