"""The bundled results site as one of the servers, when no other site is configured.

What belongs here: how it is started and where it is. What it serves is the stand-in's own matter.
"""

import re
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ouspark_assets.services.paths import Places
from ouspark_assets.services.server import Launch, free_port, remember_port

PROGRAM = (sys.executable, "-P", "-m", "ouspark_assets.standin")
BASE_URL = re.compile(r"http://[\w.\[\]:-]+:\d+/?")
CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Population:
    """What the site shows: how many students and releases, from which seed."""

    students: int
    releases: int
    seed: int


class ResultsSite:
    """The bundled results site of one home."""

    name = "site"
    title = "Results site"
    # More than one, because the port may be taken between choosing and using it.
    attempts = 3
    death_signal = signal.SIGTERM
    stop_steps: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 5.0),)
    version: str | None = None

    def __init__(self, places: Places, program: Sequence[str] = PROGRAM) -> None:
        """Of a home; the program takes the options of the stand-in."""
        self._places = places
        self._program = program
        self._ready_file = places.data("site.ready")
        self.population: Population | None = None

    async def prepare(self, lock: int) -> Launch:  # noqa: ARG002 (part of the shape)
        """Choose a port and forget the address of last time."""
        if self.population is None:
            message = "The results site was not told what to show"
            raise ValueError(message)
        self._ready_file.unlink(missing_ok=True)
        wanted = self.population
        self.version = f"seed {wanted.seed}, {wanted.students} students, {wanted.releases} releases"
        options = {
            "--port": free_port(self._places, self.name),
            "--seed": wanted.seed,
            "--students": wanted.students,
            "--releases": wanted.releases,
            "--ready-file": self._ready_file,
        }
        return Launch([*self._program, *(str(part) for item in options.items() for part in item)])

    def is_ready(self, pid: int) -> bool:  # noqa: ARG002 (part of the shape)
        """Whether it wrote its address and somebody listens there."""
        url = self._url()
        if url is None:
            return False
        try:
            where = urlsplit(url)
            with socket.create_connection((where.hostname, where.port), CONNECT_SECONDS):
                return True
        except OSError:
            return False

    async def finish(self) -> None:
        """Remember the port, so that the address is the same next time."""
        port = urlsplit(self._url() or "").port
        if port is not None:
            remember_port(self._places, self.name, port)

    def addresses(self) -> dict[str, str]:
        """The root of the site."""
        return {"site_url": (self._url() or "").rstrip("/")}

    def _url(self) -> str | None:
        try:
            written = Path(self._ready_file).read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        return written if BASE_URL.fullmatch(written) else None
