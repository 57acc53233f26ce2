"""The site as the one who makes trouble sees it: started, killed, frozen, told to publish.

Beside it the same world is unfolded here, which knows what is true.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.world import World
from ouspark_assets_tests.chaos.waiting import until
from ouspark_assets_tests.support.pipeline import ROOT

MODULE = "ouspark_assets_tests.chaos.site_server"


@dataclass(frozen=True)
class Population:
    """What the site is about: the same numbers, the same students and the same bad days."""

    students: int
    seed: int
    faults: str
    releases: int = 2


@dataclass
class Site:
    """The process and its world."""

    population: Population
    folder: Path
    world: World = field(init=False)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Let the world begin."""
        scale = self.population
        self.world = World(Scale(scale.seed, scale.students, scale.releases))

    @property
    def url(self) -> str:
        """Its root; the same after every start."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it with everything that was published, and wait until it listens."""
        self._ready.unlink(missing_ok=True)
        options = {
            "students": self.population.students,
            "releases": self.population.releases,
            "published": len(self.world.published),
            "seed": self.population.seed,
            "faults": self.population.faults,
            "port": self.port,
            "ready-file": self._ready,
        }
        command = [sys.executable, "-m", MODULE]
        command += [f"--{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
        )
        self.port = int(self._said()[0].rpartition(":")[2])

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def publish(self) -> str:
        """Let the next release appear; its key."""
        publication = self.world.unfold()
        os.kill(self.pid, signal.SIGUSR1)
        until(lambda: self._said()[1] == len(self.world.published), "the release to appear")
        return publication.release.key

    def _said(self) -> tuple[str, int]:
        until(self._ready.exists, "the site to start")
        url, published = self._ready.read_text("utf-8").split()
        return url, int(published)

    @property
    def _ready(self) -> Path:
        return self.folder / "site.ready"


@contextmanager
def running_site(population: Population, folder: Path) -> Iterator[Site]:
    """A site that is killed in the end."""
    site = Site(population, folder)
    try:
        site.start()
        yield site
    finally:
        site.kill()
