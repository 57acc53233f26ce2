"""From the link on the index page to the cache that readers use, without any command.

Dagster's own daemon and code server run, as with `dagster dev`.
"""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.standin.process import running_standin
from ouspark_assets_tests.support.daemon import (
    releases_in_cache,
    running_daemon,
    selected_releases_on_index,
)
from ouspark_assets_tests.support.pipeline import ROOT, Pipeline

WORKER = re.compile(r"Executing steps in process \(pid: (\d+)\)")


@contextmanager
def pipeline_of(home: Path, **site_options: object) -> Iterator[Pipeline]:
    """Run a pipeline with a site of its own; stop its servers at the end."""
    with running_standin(**site_options) as site:
        pipeline = Pipeline(home, site.url)
        try:
            yield pipeline
        finally:
            pipeline.ouspark("services", "down")


@contextmanager
def instance_of(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance of the pipeline."""
    monkeypatch.setenv("OUSPARK_HOME", str(pipeline.home))
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    with dg.DagsterInstance.get() as instance:
        yield instance


def readers_have(pipeline: Pipeline, *releases: str) -> bool:
    return set(releases) <= set(releases_in_cache(pipeline))


def test_new_releases_reach_readers_by_three_runs_without_any_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipeline_of(tmp_path / "home", students=40, releases=2, seed=3) as pipeline:
        two = selected_releases_on_index(pipeline)
        assert len(two) == 2
        with running_daemon(pipeline) as wait_for:
            wait_for("readers have both", lambda: readers_have(pipeline, *two))
        with instance_of(pipeline, monkeypatch) as instance:
            runs = instance.get_runs()
        # A prewarm that starts when the cache is already complete may be killed with the daemon.
        done = [run for run in runs if run.status is dg.DagsterRunStatus.SUCCESS]
        names = [run.job_name for run in reversed(done)]
        assert names[:2] == ["bring_in_new_results", "__ASSET_JOB"]
        assert set(names[2:]) <= {"prewarm"}
        assert {run.status for run in runs} <= {
            dg.DagsterRunStatus.SUCCESS,
            dg.DagsterRunStatus.STARTED,
        }
        pipeline.ouspark("publication", "verify")
        pipeline.ouspark("cache", "verify")


@pytest.mark.full
def test_the_time_from_the_link_to_the_cache_is_measured_for_ten_thousand_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A main release and its revaluation are published; the next one is a main release again.
    site = {"students": 10_000, "releases": 2, "seed": 3, "release_after": 240.0}
    with pipeline_of(tmp_path / "home", **site) as pipeline:
        old = selected_releases_on_index(pipeline)
        with running_daemon(pipeline, OUSPARK_INDEX_INTERVAL="60") as wait_for:
            wait_for("readers have the old ones", lambda: readers_have(pipeline, *old))
            assert selected_releases_on_index(pipeline) == old, (
                "too late to see the next link appear"
            )
            wait_for("there is a new link", lambda: selected_releases_on_index(pipeline) != old)
            appeared, new = datetime.now(UTC), selected_releases_on_index(pipeline)[-1]
            wait_for("readers have the new one", lambda: readers_have(pipeline, new))
            seconds = (datetime.now(UTC) - appeared).total_seconds()
        with instance_of(pipeline, monkeypatch) as instance:
            since = reversed(instance.get_runs(dg.RunsFilter(created_after=appeared)))
        assert [run.job_name for run in since] == ["bring_in_new_results", "__ASSET_JOB", "prewarm"]
        counted = f"SELECT count(*) FROM clean.appearances WHERE release = '{new}'"
        ((results,),) = pipeline.rows(counted)
    with capsys.disabled():
        print(  # noqa: T201 — the test exists to print this number
            f"\n{new}: {results} students' results, {seconds:.1f} s from the link to the cache"
        )


@pytest.mark.full
@pytest.mark.parametrize("everything", [False, True], ids=["the-run", "everything"])
def test_releases_are_loaded_although_a_run_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, everything: bool
) -> None:
    site = {"students": 300, "releases": 1, "seed": 3, "faults": "slow"}
    with pipeline_of(tmp_path / "home", **site) as pipeline:
        with running_daemon(pipeline) as wait_for:
            wait_for("a run is scraping", lambda: bool(scraping_processes(pipeline, monkeypatch)))
            if not everything:
                os.kill(scraping_processes(pipeline, monkeypatch)[0], signal.SIGKILL)
                wait_for(
                    "readers have the release",
                    lambda: readers_have(pipeline, *selected_releases_on_index(pipeline)),
                )
        if everything:
            with running_daemon(pipeline) as wait_for:
                wait_for(
                    "readers have the release",
                    lambda: readers_have(pipeline, *selected_releases_on_index(pipeline)),
                )
        pipeline.ouspark("cache", "verify")


@pytest.mark.full
def test_a_run_that_exceeds_the_maximum_runtime_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = {"students": 300, "releases": 1, "seed": 3, "faults": "timeouts:1.0"}
    with pipeline_of(tmp_path / "home", **site) as pipeline:
        select = ("--select", "source/release_index", "-m", "ouspark_assets.definitions")
        assert pipeline.command("dagster", "asset", "materialize", *select).returncode == 0
        tags = {
            "dagster/max_runtime_seconds": "5",
            "dagster/partition": selected_releases_on_index(pipeline)[0],
        }
        with (
            running_daemon(pipeline, OUSPARK_AUTOMATION="false") as wait_for,
            instance_of(pipeline, monkeypatch) as instance,
        ):
            launch = ("-j", "bring_in_release", "--tags", json.dumps(tags), "-w", "workspace.yaml")
            assert pipeline.command("dagster", "job", "launch", *launch).returncode == 0
            (run,) = instance.get_runs(dg.RunsFilter(job_name="bring_in_release"))

            def was_logged(text: str) -> bool:
                logs = instance.all_logs(run.run_id)
                return any(text in f"{entry.user_message} {entry.dagster_event}" for entry in logs)

            wait_for("the run is reported failed", lambda: was_logged("Exceeded maximum runtime"))
            wait_for("its process is gone", lambda: was_logged("Process for run exited"))


def scraping_processes(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the process ids of the runs that are scraping."""
    found = []
    with instance_of(pipeline, monkeypatch) as instance:
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            lines = [entry.user_message or "" for entry in instance.all_logs(run.run_id)]
            lines += [str(entry.dagster_event) for entry in instance.all_logs(run.run_id)]
            if any("raw__result_pages" in line for line in lines):
                found += [int(pid) for line in lines for pid in WORKER.findall(line)[:1]]
    return found
