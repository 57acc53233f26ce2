"""The stand-in as an embedded server, used when no results site is configured.

What belongs here: how it is started and where it listens. What it serves is in `standin/`.
"""

import re
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ouspark_assets.services.paths import ServicePaths
from ouspark_assets.services.server_runner import Launch, choose_port, remember_port
from ouspark_assets.services.start_policy import MAX_PORT_ATTEMPTS

PROGRAM = (sys.executable, "-P", "-m", "ouspark_assets.standin")
BASE_URL = re.compile(r"http://[\w.\[\]:-]+:\d+/?")
CONNECT_TIMEOUT = 1.0


@dataclass(frozen=True)
class Population:
    """What the stand-in serves: the numbers of students and releases, and the random seed."""

    students: int
    releases: int
    seed: int


class StandinSite:
    """The stand-in of one home."""

    name = "site"
    title = "Results site"
    attempts = MAX_PORT_ATTEMPTS
    death_signal = signal.SIGTERM
    stop_steps: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 5.0),)
    version: str | None = None

    def __init__(self, paths: ServicePaths, program: Sequence[str] = PROGRAM) -> None:
        """Describe the stand-in; `program` takes the options of `ouspark standin`."""
        self._paths = paths
        self._program = program
        self._ready_file = paths.data("site.ready")
        self.population: Population | None = None

    async def prepare(self, lock: int) -> Launch:  # noqa: ARG002 (required by the protocol)
        """Choose a port and remove the address of the last start."""
        if self.population is None:
            message = "The stand-in has no population"
            raise ValueError(message)
        self._ready_file.unlink(missing_ok=True)
        wanted = self.population
        self.version = f"seed {wanted.seed}, {wanted.students} students, {wanted.releases} releases"
        options = {
            "--port": choose_port(self._paths, self.name),
            "--seed": wanted.seed,
            "--students": wanted.students,
            "--releases": wanted.releases,
            "--ready-file": self._ready_file,
        }
        return Launch([*self._program, *(str(part) for item in options.items() for part in item)])

    def is_ready(self, pid: int) -> bool:  # noqa: ARG002 (required by the protocol)
        """Return whether it wrote its address and listens there."""
        url = self._read_url()
        if url is None:
            return False
        try:
            parts = urlsplit(url)
            with socket.create_connection((parts.hostname, parts.port), CONNECT_TIMEOUT):
                return True
        except OSError:
            return False

    async def finish(self) -> None:
        """Record the port, so that the address is the same after a restart."""
        port = urlsplit(self._read_url() or "").port
        if port is not None:
            remember_port(self._paths, self.name, port)

    def addresses(self) -> dict[str, str]:
        """Return the root URL of the site."""
        return {"site_url": (self._read_url() or "").rstrip("/")}

    def _read_url(self) -> str | None:
        try:
            written = Path(self._ready_file).read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        return written if BASE_URL.fullmatch(written) else None
