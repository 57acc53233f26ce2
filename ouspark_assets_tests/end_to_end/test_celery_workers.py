"""Steps in workers of Celery: what one process computes, and no more than a retry when one dies."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
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
from ouspark_assets_tests.support.pipeline import BIN, PATIENCE_SECONDS, ROOT, Pipeline

pytestmark = pytest.mark.full

MODULE = ("-m", "ouspark_assets.definitions")
PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Spread(Pipeline):
    """A pipeline whose steps are executed by workers."""

    dagster_dsn: str
    broker: str

    @classmethod
    def started(cls, home: Path, site_url: str) -> "Spread":
        """Its servers run, and Dagster has a database there."""
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
        """That of every machine."""
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
        """A worker as the documentation starts it."""
        celery = (
            "celery",
            "-A",
            "ouspark_assets.orchestration.executors.celery_worker",
            "worker",
            "-c",
            "1",
        )
        process = self.start(*celery, "-Q", queue, "-n", f"{queue}@%h", **variables)
        try:
            yield process
        finally:
            kill(process)

    def materialize(self, *selection: str) -> None:
        """Materialize with Dagster's own command."""
        done = self.command("dagster", "asset", "materialize", *MODULE, "--select", *selection)
        assert done.returncode == 0, done.stderr[-3000:]

    def releases(self) -> list[str]:
        """The releases of the index that can be brought in."""
        listed = json.loads(self.ouspark("releases", "list", "--json").stdout)
        return [it["release"] for it in listed if it["scheme"] in ("CBCS", "AICTE")]


def kill(process: subprocess.Popen[bytes]) -> None:
    """What the end of a machine is to its processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def site() -> Iterator[RunningStandin]:
    with running_standin(students=40, releases=1, seed=3) as site:
        yield site


@pytest.fixture
def spread(tmp_path: Path, site: RunningStandin) -> Iterator[Spread]:
    spread = Spread.started(tmp_path / "spread", site.url)
    yield spread
    spread.ouspark("services", "down")


def without_times(pipeline: Pipeline, side: Side) -> dict[str, pl.DataFrame]:
    return {
        table.name: pipeline.table(table, side).select(pl.exclude(pl.Datetime))
        for table in PUBLISHED_TABLES
    }


def scraping_has_begun(spread: Spread) -> bool:
    query = "SELECT count(*) FROM ops.stage_runs WHERE asset = 'raw.result_pages' AND ended IS NULL"
    parts = list((spread.home / "lake").rglob("*.parquet"))
    return bool(parts) and spread.rows(query) == [(1,)]


def test_two_workers_compute_what_one_process_does(
    spread: Spread, site: RunningStandin, tmp_path: Path
) -> None:
    alone = Pipeline(tmp_path / "alone", site.url)
    alone.ouspark("run", "--all")
    with spread.worker("scraping"), spread.worker("dagster"):
        spread.materialize("source/release_index")
        for release in spread.releases():
            spread.materialize("raw/result_pages*", "--partition", release)
    for side in Side:
        expected = without_times(alone, side)
        for name, found in without_times(spread, side).items():
            assert_frame_equal(found, expected[name])
    spread.ouspark("publication", "verify")
    spread.ouspark("cache", "verify")
    alone.ouspark("services", "down")


@pytest.mark.parametrize("machine", [True, False], ids=["its-machine-too", "its-child-only"])
def test_a_worker_killed_in_the_middle_costs_only_a_retry(spread: Spread, *, machine: bool) -> None:
    # Slow enough to be caught at work.
    slowly = {"OUSPARK_SITE_RATE": "8"}
    with spread.worker("dagster"), contextlib.ExitStack() as scrapers:
        first = scrapers.enter_context(spread.worker("scraping", **slowly))
        spread.materialize("source/release_index")
        (release,) = spread.releases()
        selection = ("--select", "raw/result_pages*", "--partition", release)
        run = spread.start("dagster", "asset", "materialize", *MODULE, *selection)
        wait_until(lambda: scraping_has_begun(spread), "nothing is scraped")
        if machine:
            kill(first)
            scrapers.enter_context(spread.worker("scraping"))
        else:
            os.kill(child_of(first), signal.SIGKILL)
        assert run.wait(PATIENCE_SECONDS) == 0
    assert spread.rows("SELECT count(*) FROM clean.students") == [(40,)]
    assert spread.rows("SELECT count(DISTINCT run_id) FROM ops.stage_runs") == [(2,)]
    spread.ouspark("publication", "verify")


def child_of(worker: subprocess.Popen[bytes]) -> int:
    """The process in which a worker executes steps."""
    children = (PROCESSES / str(worker.pid) / "task" / str(worker.pid) / "children").read_text()
    return int(children.split()[0])
