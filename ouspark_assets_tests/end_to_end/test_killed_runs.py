"""Runs killed with `kill -9` again and again: the last run completes, and every row is right."""

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.schemas.analytics import STUDENT_CGPAS
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.standin.process import running_standin
from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.support.pipeline import BIN, ROOT, Pipeline

KILLS = 12
MAX_SECONDS_TO_KILL = 4.0


def run_and_kill(pipeline: Pipeline, seconds: float) -> bool:
    """Start a run and kill its process group after some seconds; return whether it was running."""
    run = subprocess.Popen(
        [str(BIN / "ouspark"), "run", "--all"],
        env=pipeline.environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return True
    return False


# What a single kill leaves behind is tested in `chaos/`.
@pytest.mark.full
def test_the_next_run_completes_what_killed_runs_left_undone(tmp_path: Path) -> None:
    chance = random.Random(KILLS)
    with running_standin(students=60, releases=2, seed=8) as site:
        pipeline = Pipeline(tmp_path / "home", site.url)
        pipeline.ouspark("services", "up")
        for _ in range(KILLS):
            seconds = chance.uniform(2.0, MAX_SECONDS_TO_KILL)
            # On a fast machine the run may have ended: kill earlier, until one is killed in time.
            while not run_and_kill(pipeline, seconds):
                seconds *= 0.6
        pipeline.ouspark("run", "--all")
        truth = site.export(tmp_path / "truth")
        for table, name in ((MARKS, "attempts"), (STUDENT_CGPAS, "student_cgpas")):
            true = pl.read_parquet(truth / f"{name}.parquet")
            columns = [column for column in table.columns if column in true.columns]
            expected = true.select(pl.col(name).cast(table.dtypes[name]) for name in columns)
            for side in Side:
                found = pipeline.table(table, side).select(columns)
                assert_frame_equal(found, expected.sort(table.key))
        pipeline.ouspark("publication", "verify")
        pipeline.ouspark("cache", "verify")
        pipeline.ouspark("services", "down")
