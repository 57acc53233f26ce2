"""The scene of a chaos run: a pipeline of its own, its site, its disk, its readers, its settings.

What everybody here works with. What happens to it is `events.py`, what must hold `always.py` and
`at_rest.py`.
"""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import psycopg

from ouspark_assets.domain.errors import ServiceError
from ouspark_assets.services import Endpoints, resolve_endpoints
from ouspark_assets.services.client import stop_servers
from ouspark_assets.settings import ServerSettings
from ouspark_assets_tests.chaos.audience import Readers, reading
from ouspark_assets_tests.chaos.disk import Disk, disk_at
from ouspark_assets_tests.chaos.ground_truth import PAGE, Truth
from ouspark_assets_tests.chaos.lake_parts import FOUND, answers_in
from ouspark_assets_tests.chaos.processes import processes_of, send
from ouspark_assets_tests.chaos.runs import Ending, Run, start
from ouspark_assets_tests.chaos.site_process import Population, Site, running_site
from ouspark_assets_tests.chaos.steps import Moment, Work
from ouspark_assets_tests.chaos.tally import Tally
from ouspark_assets_tests.chaos.waiting import comes_true
from ouspark_assets_tests.support.pipeline import BIN, Pipeline

# A release and a hall ticket.
Page = tuple[str, ...]
# A page that never comes is given up sooner than usual: there are many of them.
IMPATIENT = {"OUSPARK_SITE_READ_TIMEOUT": "3", "OUSPARK_SITE_PAGE_TIMEOUT": "8"}
# Each makes the tables or what is published different from what the one before made them.
OTHER_SETTINGS: tuple[dict[str, str], ...] = (
    {"OUSPARK_RANK_LEAST_STUDENTS": "1"},
    {"OUSPARK_PUBLISH_FATHER_NAMES": "true"},
    {"OUSPARK_RANK_LEAST_STUDENTS": "10000"},
    {},
)
MOST_RELEASES = 40
CONNECT_SECONDS = 3
# As long as a run may be on its way to a stage; a run that never comes there ends before.
STAGE_SECONDS = 300.0


@dataclass
class Scene:
    """Everything there is."""

    folder: Path
    disk: Disk
    site: Site
    tally: Tally
    truth: Truth
    pipeline: Pipeline
    servers: Endpoints
    readers: Readers
    settings: int = -1
    runs: int = 0
    # What was seen last, which later must still be there.
    found: set[Page] = field(default_factory=set)
    publication: int = 0
    # Pages in parts that were damaged and moved away: missing until they are fetched anew.
    moved_away: set[Page] = field(default_factory=set)
    # Parts whose pages were held against the site's, and the pages that it had damaged itself.
    looked_at: set[Path] = field(default_factory=set)
    damaged: set[Page] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        """What a command of the pipeline runs in."""
        chosen = OTHER_SETTINGS[self.settings % len(OTHER_SETTINGS)]
        return {**self.pipeline.environment, **IMPATIENT, **chosen}

    @property
    def home(self) -> Path:
        """Where the state of the pipeline lies."""
        return self.pipeline.home

    @property
    def lake(self) -> Path:
        """The folder of its lake."""
        return self.home / "lake"

    @property
    def archived(self) -> pl.DataFrame:
        """The pages of students that the lake has: release and ticket."""
        return answers_in(self.lake).filter(FOUND).select(PAGE).unique()

    @property
    def whole(self) -> pl.DataFrame:
        """Those of them that the site had not damaged."""
        damaged = pl.DataFrame(
            list(self.damaged), schema=dict.fromkeys(PAGE, pl.String), orient="row"
        )
        return self.archived.join(damaged, on=PAGE, how="anti")

    @property
    def has_tables(self) -> bool:
        """Whether any run came so far as to make the tables of development."""
        rows = self.pipeline.rows("SELECT to_regclass('ops.accounts') IS NOT NULL")
        return bool(rows[0][0])

    def prepare(self, work: Work) -> None:
        """Let there be something to do."""
        if work is Work.RELEASE and len(self.site.world.published) < MOST_RELEASES:
            self.site.publish()
            self.tally.releases += 1
        elif work is not Work.NOTHING:
            self.settings += 1

    def begin(self, *arguments: str, before: tuple[str, ...] = ()) -> Run:
        """Start a command of ours, perhaps through another program."""
        self.runs += 1
        name = f"{self.runs:03d}-{arguments[0]}"
        command = [*before, str(BIN / "ouspark"), *arguments]
        return start(name, command, self.environment, self.folder)

    def begin_run(self) -> Run:
        """Start `ouspark run`."""
        return self.begin("run", "--all")

    def finish(self, run: Run, *, must_succeed: bool = False) -> Ending:
        """Wait for the end of a command, and judge its manner."""
        ending = run.wait()
        self.tally.runs[ending] += 1
        stuck = [f"{run.name} did not end"] if ending is Ending.STUCK else []
        self.tally.check("a command comes to its end", stuck)
        told = [] if stuck else list(run.complaints())
        self.tally.check("a command that fails says why in one clear line", told)
        if must_succeed:
            failed = ending is not Ending.SUCCEEDED and not stuck
            said = [f"{run.name}: {run.errors.strip()[-500:]}"] if failed else []
            self.tally.check("a run that nothing disturbs succeeds", said)
        return ending

    def completed(self, *arguments: str) -> Run:
        """Run a command to its end."""
        run = self.begin(*arguments)
        self.finish(run)
        return run

    def await_moment(self, run: Run, moment: Moment) -> bool:
        """Wait for a moment of a run; says whether the run was still at work then."""
        if moment.stage is not None:
            stage = moment.stage
            comes_true(lambda: run.is_over or self._has_begun(stage, run.begun), STAGE_SECONDS)
        comes_true(lambda: run.is_over, moment.delay)
        self.tally.too_late += run.is_over
        return not run.is_over

    def _has_begun(self, stage: str, since: float) -> bool:
        try:
            with psycopg.connect(
                self.servers.dev_dsn, autocommit=True, connect_timeout=CONNECT_SECONDS
            ) as connection:
                row = connection.execute(
                    "SELECT 1 FROM ops.stage_runs WHERE asset = %s AND started > to_timestamp(%s)",
                    (stage, since),
                ).fetchone()
        except psycopg.Error:
            return False
        return row is not None


@contextmanager
def opened(population: Population, folder: Path, tally: Tally) -> Iterator[Scene]:
    """A scene with its servers, its site and its readers; nothing of it is left afterwards."""
    with disk_at(folder / "disk") as disk, running_site(population, folder) as site:
        home = disk.folder / "home"
        try:
            servers = resolve_endpoints(ServerSettings(home=home), need={"postgres", "redis"})
            with reading(folder / "readings.json", servers) as readers:
                yield Scene(
                    folder=folder,
                    disk=disk,
                    site=site,
                    tally=tally,
                    truth=Truth(site.world),
                    pipeline=Pipeline(home, site.url),
                    servers=servers,
                    readers=readers,
                )
        finally:
            _clear(home)


def _clear(home: Path) -> None:
    """End everything that was started for a home, and remove it."""
    with suppress(ServiceError):
        stop_servers(home)
    send(signal.SIGKILL, processes_of(home))
    shutil.rmtree(home, ignore_errors=True)
