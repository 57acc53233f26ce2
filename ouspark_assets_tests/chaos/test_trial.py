"""A short trial of a real pipeline keeps every promise, and each broken promise is detected."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice

import polars as pl
import pytest

from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.chaos.invariants import (
    archived_pages_match_the_site,
    dagster_has_no_unfinished_run,
    development_matches_the_pages,
    every_page_is_loaded,
    no_archived_page_is_lost,
    no_page_is_fetched_twice,
    no_stage_is_left_running,
    production_is_one_publication,
    records_are_accounted_for,
    students_match_the_ground_truth,
)
from ouspark_assets_tests.chaos.lake_parts import list_parts
from ouspark_assets_tests.chaos.processes import wait_until
from ouspark_assets_tests.chaos.site_process import Population
from ouspark_assets_tests.chaos.steps import Kind, generate_steps
from ouspark_assets_tests.chaos.system_under_test import SystemUnderTest, run_system
from ouspark_assets_tests.chaos.tally import Tally
from ouspark_assets_tests.chaos.trial import Trial
from ouspark_assets_tests.support.pipeline import ROOT

SEED, STUDENTS = 5, 40
# Change of a table: the invariant that detects it, the side, the change, and its reversal.
BROKEN_ROWS = {
    "a missing mark": (
        development_matches_the_pages,
        Side.DEVELOPMENT,
        "UPDATE clean.marks SET subject_code = '9' || subject_code "
        "WHERE ctid = (SELECT min(ctid) FROM clean.marks)",
        "UPDATE clean.marks SET subject_code = substr(subject_code, 2) "
        "WHERE subject_code LIKE '9%'",
    ),
    "a mark that is not accounted for": (
        records_are_accounted_for,
        Side.DEVELOPMENT,
        "UPDATE ops.accounts SET accepted = accepted - 1, quarantined = quarantined + 1",
        "UPDATE ops.accounts SET accepted = accepted + 1, quarantined = quarantined - 1",
    ),
    "a wrong CGPA": (
        students_match_the_ground_truth,
        Side.DEVELOPMENT,
        "UPDATE analytics.student_cgpas SET credits_counted = credits_counted + 1",
        "UPDATE analytics.student_cgpas SET credits_counted = credits_counted - 1",
    ),
    "a row of production changed manually": (
        production_is_one_publication,
        Side.PRODUCTION,
        "UPDATE analytics.student_credits SET attempted = attempted + 1",
        "UPDATE analytics.student_credits SET attempted = attempted - 1",
    ),
    "a stage without an end": (
        no_stage_is_left_running,
        Side.DEVELOPMENT,
        "INSERT INTO ops.stage_runs (run_id, asset) VALUES ('dead', 'raw.result_pages')",
        "DELETE FROM ops.stage_runs WHERE run_id = 'dead'",
    ),
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemUnderTest]:
    """A system after a trial of one event."""
    population = Population(STUDENTS, SEED, "none", releases=1)
    with run_system(population, tmp_path_factory.mktemp("chaos"), Tally()) as system:
        steps = list(islice(generate_steps(SEED, [Kind.RUN_KILLED]), 1))
        assert Trial(system, steps, seconds=1).run() == steps
        yield system


def test_a_short_trial_keeps_every_promise(system: SystemUnderTest) -> None:
    assert system.tally.violations == []
    assert system.tally.events == {Kind.RUN_KILLED: 1}
    assert system.tally.checks["students have the right results"] >= 1
    wait_until(lambda: system.readers.read_notes().cache > 0, "readers of the cache")
    assert system.readers.read_notes().production > 0


@pytest.mark.parametrize("case", BROKEN_ROWS)
def test_a_changed_row_is_detected(system: SystemUnderTest, case: str) -> None:
    invariant, side, change, reversal = BROKEN_ROWS[case]
    assert list(invariant(system)) == []
    with system.pipeline.connected(side) as connection:
        connection.execute(change.encode())
        try:
            assert list(invariant(system))
        finally:
            connection.execute(reversal.encode())
    assert list(invariant(system)) == []


def test_a_missing_part_is_detected(system: SystemUnderTest) -> None:
    part = list_parts(system.lake)[0].path
    list(no_archived_page_is_lost(system))
    part.rename(system.folder / part.name)
    assert list(no_archived_page_is_lost(system))
    assert list(every_page_is_loaded(system))
    (system.folder / part.name).rename(part)
    assert list(every_page_is_loaded(system)) == []


def test_repeated_and_foreign_pages_are_detected(system: SystemUnderTest) -> None:
    part = list_parts(system.lake)[0].path
    second = part.with_name("part-of-another-day.parquet")
    later = pl.read_parquet(part).with_columns(
        pl.col("fetched_at").dt.offset_by("1d"), pl.lit(b"<html></html>").alias("body")
    )
    later.write_parquet(second)
    try:
        assert list(no_page_is_fetched_twice(system))
        assert list(archived_pages_match_the_site(system))
    finally:
        second.unlink()
    assert list(no_page_is_fetched_twice(system)) == []


def test_a_leftover_liveness_file_is_detected(system: SystemUnderTest) -> None:
    file = system.home / "dagster" / "alive" / "yesterdays-run"
    file.touch()
    assert list(dagster_has_no_unfinished_run(system))
    file.unlink()
    assert list(dagster_has_no_unfinished_run(system)) == []


def test_readers_detect_a_cold_cache_and_a_partial_publication(system: SystemUnderTest) -> None:
    wait_until(lambda: system.readers.read_notes().cache > 0, "readers of the cache")
    with system.pipeline.cache() as cache:
        cache.flushdb()
    wait_until(lambda: _have_detected(system, "cold"), "a cold cache to be detected")
    with system.pipeline.connected(Side.PRODUCTION) as connection:
        connection.execute("UPDATE clean.students SET name = name || '!'")
    wait_until(lambda: _have_detected(system, "students"), "a partial publication to be detected")


def _have_detected(system: SystemUnderTest, word: str) -> bool:
    return any(word in problem for problem in system.readers.read_notes().problems)


@pytest.mark.full
def test_a_long_trial_keeps_every_promise() -> None:
    command = [sys.executable, "-m", "ouspark_assets_tests.chaos", "--seed", "1"]
    done = subprocess.run(
        [*command, "--seconds", "240"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5_000:]
    assert "Every promise was kept." in done.stdout


@pytest.mark.full
def test_killed_processes_come_back_in_time_and_the_health_check_notices() -> None:
    victims = ["user code", "daemon", "everything, then `make ui`"]
    command = [sys.executable, "-m", "ouspark_assets_tests.chaos", "--daemon", "--seed", "1"]
    command += [option for victim in victims for option in ("--victim", victim)]
    done = subprocess.run(
        [*command, "--students", "60"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    assert all(f"{victim} was killed" in done.stdout for victim in victims)
