"""The system under test: a pipeline with its servers, site, disk, readers and settings.

What happens to it is in `events`, what must hold in `invariants`.
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
from ouspark_assets_tests.chaos.disk import Disk, mount_disk
from ouspark_assets_tests.chaos.ground_truth import PAGE, GroundTruth
from ouspark_assets_tests.chaos.lake_parts import FOUND, read_all_answers
from ouspark_assets_tests.chaos.processes import becomes_true, list_processes_of, send_signal
from ouspark_assets_tests.chaos.readers import Readers, run_readers
from ouspark_assets_tests.chaos.runs import Ending, Run, start_command
from ouspark_assets_tests.chaos.site_process import Population, SiteProcess, run_site
from ouspark_assets_tests.chaos.steps import Moment, Work
from ouspark_assets_tests.chaos.tally import Tally
from ouspark_assets_tests.support.pipeline import BIN, Pipeline

# A release and a hall ticket.
Page = tuple[str, ...]
# Shorter than the defaults: the site drops many requests on purpose.
SITE_TIMEOUTS = {"OUSPARK_SITE_READ_TIMEOUT": "3", "OUSPARK_SITE_PAGE_TIMEOUT": "8"}
# Each changes the tables or what is published compared with the previous one.
SETTINGS: tuple[dict[str, str], ...] = (
    {"OUSPARK_RANK_LEAST_STUDENTS": "1"},
    {"OUSPARK_PUBLISH_FATHER_NAMES": "true"},
    {"OUSPARK_RANK_LEAST_STUDENTS": "10000"},
    {},
)
MAX_RELEASES = 40
CONNECT_TIMEOUT = 3
# A run that never reaches the awaited stage ends earlier than this.
STAGE_TIMEOUT = 300.0


@dataclass
class SystemUnderTest:
    """The pipeline, everything around it, and what the invariants saw of it before."""

    folder: Path
    disk: Disk
    site: SiteProcess
    tally: Tally
    truth: GroundTruth
    pipeline: Pipeline
    servers: Endpoints
    readers: Readers
    settings_index: int = -1
    commands: int = 0
    # What existed at the last check and must still exist.
    known_pages: set[Page] = field(default_factory=set)
    last_publication: int = 0
    # Pages in damaged parts that were moved away: missing until they are fetched again.
    moved_away: set[Page] = field(default_factory=set)
    # Parts whose pages were compared with the site, and pages that the site itself had damaged.
    verified_parts: set[Path] = field(default_factory=set)
    damaged_pages: set[Page] = field(default_factory=set)

    @property
    def home(self) -> Path:
        """The folder with the state of the pipeline."""
        return self.pipeline.home

    @property
    def lake(self) -> Path:
        """The folder of the lake."""
        return self.home / "lake"

    @property
    def archived_pages(self) -> pl.DataFrame:
        """Release and hall ticket of the found pages in the lake."""
        return read_all_answers(self.lake).filter(FOUND).select(PAGE).unique()

    @property
    def undamaged_pages(self) -> pl.DataFrame:
        """The archived pages that the site had not damaged."""
        schema = dict.fromkeys(PAGE, pl.String)
        damaged = pl.DataFrame(list(self.damaged_pages), schema=schema, orient="row")
        return self.archived_pages.join(damaged, on=PAGE, how="anti")

    @property
    def has_tables(self) -> bool:
        """Whether a run has created the tables of development."""
        rows = self.pipeline.rows("SELECT to_regclass('ops.accounts') IS NOT NULL")
        return bool(rows[0][0])

    def prepare(self, work: Work) -> None:
        """Give the next run something to do: a new release or other settings."""
        if work is Work.RELEASE and len(self.site.world.published) < MAX_RELEASES:
            self.site.publish()
            self.tally.releases += 1
        elif work is not Work.NOTHING:
            self.settings_index += 1

    def start(self, *arguments: str, wrapper: tuple[str, ...] = ()) -> Run:
        """Start an `ouspark` command, optionally through another program."""
        self.commands += 1
        name = f"{self.commands:03d}-{arguments[0]}"
        command = [*wrapper, str(BIN / "ouspark"), *arguments]
        settings = SETTINGS[self.settings_index % len(SETTINGS)]
        environment = {**self.pipeline.environment, **SITE_TIMEOUTS, **settings}
        return start_command(name, command, environment, self.folder)

    def start_run(self) -> Run:
        """Start `ouspark run`."""
        return self.start("run", "--all")

    def finish(self, run: Run, *, must_succeed: bool = False) -> Ending:
        """Wait for the end of a command; check its exit code and messages."""
        ending = run.wait()
        self.tally.runs[ending] += 1
        stuck = [f"{run.name} did not end"] if ending is Ending.STUCK else []
        self.tally.record_check("a command comes to an end", stuck)
        problems = [] if stuck else list(run.find_problems())
        self.tally.record_check("a command that fails says why in one clear line", problems)
        if must_succeed:
            has_failed = ending is not Ending.SUCCEEDED and not stuck
            failure = [f"{run.name}: {run.errors.strip()[-500:]}"] if has_failed else []
            self.tally.record_check("a run that nothing disturbs succeeds", failure)
        return ending

    def complete(self, *arguments: str) -> Run:
        """Run a command to its end."""
        run = self.start(*arguments)
        self.finish(run)
        return run

    def await_moment(self, run: Run, moment: Moment) -> None:
        """Wait for a moment of a run; count it as too late if the run has ended by then."""
        stage = moment.stage
        if stage is not None:
            becomes_true(lambda: run.is_over or self._has_begun(stage, run.started), STAGE_TIMEOUT)
        becomes_true(lambda: run.is_over, moment.delay)
        self.tally.too_late += run.is_over

    def _has_begun(self, stage: str, since: float) -> bool:
        try:
            with psycopg.connect(
                self.servers.dev_dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT
            ) as connection:
                row = connection.execute(
                    "SELECT 1 FROM ops.stage_runs WHERE asset = %s AND started > to_timestamp(%s)",
                    (stage, since),
                ).fetchone()
        except psycopg.Error:
            return False
        return row is not None


@contextmanager
def run_system(population: Population, folder: Path, tally: Tally) -> Iterator[SystemUnderTest]:
    """Yield a system with its servers, site and readers; end and remove all of it afterwards."""
    with mount_disk(folder / "disk") as disk, run_site(population, folder) as site:
        home = disk.folder / "home"
        try:
            servers = resolve_endpoints(ServerSettings(home=home), need={"postgres", "redis"})
            with run_readers(folder / "readings.json", servers) as readers:
                yield SystemUnderTest(
                    folder=folder,
                    disk=disk,
                    site=site,
                    tally=tally,
                    truth=GroundTruth(site.world),
                    pipeline=Pipeline(home, site.url),
                    servers=servers,
                    readers=readers,
                )
        finally:
            with suppress(ServiceError):
                stop_servers(home)
            send_signal(signal.SIGKILL, list_processes_of(home))
            shutil.rmtree(home, ignore_errors=True)
