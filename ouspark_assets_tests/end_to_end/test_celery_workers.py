"""Steps in Celery workers: the same tables as in one process, and a retry when a worker dies."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import psycopg
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.services import resolve_endpoints
from ouspark_assets.settings import ServerSettings
from ouspark_assets.standin.process import RunningStandin, running_standin
from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.support.daemon import RUN_TIMEOUT
from ouspark_assets_tests.support.pipeline import BIN, COMMAND_TIMEOUT, ROOT, Pipeline
from ouspark_assets_tests.support.waiting import wait_until

pytestmark = pytest.mark.full

MODULE = ("-m", "ouspark_assets.definitions")
PROCESSES = Path("/proc")


@dataclass(frozen=True)
class CeleryPipeline(Pipeline):
    """A pipeline whose steps are executed by Celery workers."""

    dagster_dsn: str
    broker: str

    @classmethod
    def started(cls, home: Path, site_url: str) -> "CeleryPipeline":
        """Start its servers and create a database for Dagster's own records."""
        Pipeline(home, site_url).ouspark("services", "up")
        found = resolve_endpoints(ServerSettings(home=home), need={"postgres", "redis"})
        with psycopg.connect(found.dev_dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE dagster")
        return cls(
            home,
            site_url,
            found.dev_dsn.replace("/ouspark_dev", "/dagster"),
            f"{found.redis_url.rsplit('/', 1)[0]}/1",
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every machine."""
        return {
            **super().environment,
            "OUSPARK_EXECUTOR": "celery",
            "OUSPARK_DAGSTER_DSN": self.dagster_dsn,
            "OUSPARK_CELERY_BROKER": self.broker,
        }

    def start(self, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            env={**self.environment, **variables},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=(self.home / f"{command[0]}.log").open("ab"),
            start_new_session=True,
        )

    @contextmanager
    def worker(self, queue: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker as the documentation says."""
        command = (
            "celery",
            "-A",
            "ouspark_assets.orchestration.executors.celery_worker",
            "worker",
            "-c",
            "1",
        )
        process = self.start(*command, "-Q", queue, "-n", f"{queue}@%h", **variables)
        try:
            yield process
        finally:
            kill(process)

    def materialize(self, *selection: str) -> None:
        """Materialize with Dagster's own command."""
        done = self.command("dagster", "asset", "materialize", *MODULE, "--select", *selection)
        assert done.returncode == 0, done.stderr[-3000:]

    def releases(self) -> list[str]:
        """Return the releases of the index that are loaded by default."""
        listed = json.loads(self.ouspark("releases", "list", "--json").stdout)
        return [release["release"] for release in listed if release["scheme"] in ("CBCS", "AICTE")]


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process group, as when its machine goes down."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def site() -> Iterator[RunningStandin]:
    with running_standin(students=40, releases=1, seed=3) as site:
        yield site


@pytest.fixture
def celery(tmp_path: Path, site: RunningStandin) -> Iterator[CeleryPipeline]:
    celery = CeleryPipeline.started(tmp_path / "celery", site.url)
    yield celery
    celery.ouspark("services", "down")


def without_times(pipeline: Pipeline, side: Side) -> dict[str, pl.DataFrame]:
    return {
        table.name: pipeline.table(table, side).select(pl.exclude(pl.Datetime))
        for table in PUBLISHED_TABLES
    }


def scraping_has_begun(celery: CeleryPipeline) -> bool:
    query = "SELECT count(*) FROM ops.stage_runs WHERE asset = 'raw.result_pages' AND ended IS NULL"
    parts = list((celery.home / "lake").rglob("*.parquet"))
    return bool(parts) and celery.rows(query) == [(1,)]


def test_two_workers_compute_the_same_tables_as_one_process(
    celery: CeleryPipeline, site: RunningStandin, tmp_path: Path
) -> None:
    alone = Pipeline(tmp_path / "alone", site.url)
    alone.ouspark("run", "--all")
    with celery.worker("scraping"), celery.worker("dagster"):
        celery.materialize("source/release_index")
        for release in celery.releases():
            celery.materialize("raw/result_pages*", "--partition", release)
    for side in Side:
        expected = without_times(alone, side)
        for name, found in without_times(celery, side).items():
            assert_frame_equal(found, expected[name])
    celery.ouspark("publication", "verify")
    celery.ouspark("cache", "verify")
    alone.ouspark("services", "down")


@pytest.mark.parametrize("machine", [True, False], ids=["the-worker", "its-child-process"])
def test_the_step_of_a_killed_worker_is_retried(celery: CeleryPipeline, *, machine: bool) -> None:
    # Slow enough to be killed during the scrape.
    slowly = {"OUSPARK_SITE_RATE": "8"}
    with celery.worker("dagster"), contextlib.ExitStack() as scrapers:
        first = scrapers.enter_context(celery.worker("scraping", **slowly))
        celery.materialize("source/release_index")
        (release,) = celery.releases()
        selection = ("--select", "raw/result_pages*", "--partition", release)
        run = celery.start("dagster", "asset", "materialize", *MODULE, *selection)
        wait_until("scraping has begun", lambda: scraping_has_begun(celery), timeout=RUN_TIMEOUT)
        if machine:
            kill(first)
            scrapers.enter_context(celery.worker("scraping"))
        else:
            os.kill(child_of(first), signal.SIGKILL)
        assert run.wait(COMMAND_TIMEOUT) == 0
    assert celery.rows("SELECT count(*) FROM clean.students") == [(40,)]
    assert celery.rows("SELECT count(DISTINCT run_id) FROM ops.stage_runs") == [(2,)]
    celery.ouspark("publication", "verify")


def child_of(worker: subprocess.Popen[bytes]) -> int:
    """Return the child process in which a worker executes steps."""
    children = (PROCESSES / str(worker.pid) / "task" / str(worker.pid) / "children").read_text()
    return int(children.split()[0])
