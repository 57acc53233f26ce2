"""What the supervisor needs to know of a server in order to keep it running.

What belongs here: the shape that PostgreSQL, Valkey and the results site share. What does not:
anything that is true of one of them only.
"""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Protocol

from ouspark_assets.services.child_process import Identity
from ouspark_assets.services.paths import Places, write_private

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Launch:
    """How a prepared server is started."""

    command: Sequence[str]
    identity: Identity = "self"


class Server(Protocol):
    """One kind of server; its keeper calls these in order, again after every crash."""

    name: str
    title: str
    attempts: int
    death_signal: Signals
    stop_steps: Sequence[tuple[Signals, float]]

    @property
    def version(self) -> str | None:
        """The version of the program, once it was prepared."""

    async def prepare(self, lock: int) -> Launch:
        """Make the data and the configuration ready; nothing of an earlier process is alive."""

    def is_ready(self, pid: int) -> bool:
        """Whether the process accepts work."""

    async def finish(self) -> None:
        """What is left to do once it accepts work."""

    def addresses(self) -> dict[str, str]:
        """Where it is, by the names of the settings that would point elsewhere."""


def free_port(places: Places, name: str) -> int:
    """A free port of the loopback, the one of last time if nobody took it."""
    remembered = _ports(places).get(name, 0)
    for port in (remembered, 0):
        with socket.socket() as probe:
            # Connections of the last run that linger don't count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = f"No free port on {LOOPBACK}"
    raise OSError(message)


def remember_port(places: Places, name: str, port: int) -> None:
    """Keep a port for the next start."""
    ports = _ports(places)
    if ports.get(name) != port:
        write_private(_ports_file(places), json.dumps(ports | {name: port}))


def _ports(places: Places) -> dict[str, int]:
    try:
        found = json.loads(_ports_file(places).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        str(name): port
        for name, port in found.items()
        if isinstance(port, int) and 0 < port <= HIGHEST_PORT
    }


def _ports_file(places: Places) -> Path:
    return places.data("ports.json")
