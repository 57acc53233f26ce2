"""The process of the results site: started, killed, told to publish.

Its world is also kept in this process, where it is the ground truth.
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
from ouspark_assets_tests.chaos.processes import wait_until
from ouspark_assets_tests.support.pipeline import ROOT

MODULE = "ouspark_assets_tests.chaos.site_server"


@dataclass(frozen=True)
class Population:
    """The students and faults of the site; equal values give equal students and faults."""

    students: int
    seed: int
    faults: str
    releases: int = 2


@dataclass
class SiteProcess:
    """The process and its world."""

    population: Population
    folder: Path
    world: World = field(init=False)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Create the world."""
        scale = self.population
        self.world = World(Scale(scale.seed, scale.students, scale.releases))

    @property
    def url(self) -> str:
        """The address, the same after every start."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start the site with all releases published so far, and wait until it listens."""
        self._ready_file.unlink(missing_ok=True)
        options = {
            "students": self.population.students,
            "releases": self.population.releases,
            "published": len(self.world.published),
            "seed": self.population.seed,
            "faults": self.population.faults,
            "port": self.port,
            "ready-file": self._ready_file,
        }
        command = [sys.executable, "-m", MODULE]
        command += [f"--{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
        )
        self.port = int(self._read_ready_file()[0].rpartition(":")[2])

    def kill(self) -> None:
        """Kill the process, if it is running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def publish(self) -> None:
        """Publish the next release on the site."""
        self.world.publish_next_release()
        os.kill(self.pid, signal.SIGUSR1)
        published = len(self.world.published)
        wait_until(lambda: self._read_ready_file()[1] == published, "the release to appear")

    def _read_ready_file(self) -> tuple[str, int]:
        wait_until(self._ready_file.exists, "the site to start")
        url, published = self._ready_file.read_text("utf-8").split()
        return url, int(published)

    @property
    def _ready_file(self) -> Path:
        return self.folder / "site.ready"


@contextmanager
def run_site(population: Population, folder: Path) -> Iterator[SiteProcess]:
    """Run a site for the duration of the block."""
    site = SiteProcess(population, folder)
    try:
        site.start()
        yield site
    finally:
        site.kill()
