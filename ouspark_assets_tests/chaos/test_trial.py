"""A short trial of a real pipeline keeps every promise; a promise that is broken is noticed."""

import subprocess
import sys
from collections.abc import Iterator

import polars as pl
import pytest

from ouspark_assets.warehouse.core.connection import Side
from ouspark_assets_tests.chaos.at_rest import (
    dagster_knows_of_no_unfinished_run,
    everything_the_site_has_is_loaded,
    no_stage_of_a_dead_run_is_left_open,
    students_have_what_they_really_have,
)
from ouspark_assets_tests.chaos.invariants import (
    archived_pages_are_the_sites,
    development_says_what_the_pages_print,
    everything_found_is_accounted_for,
    no_page_is_fetched_twice,
    nothing_archived_is_lost,
    production_is_one_whole_publication,
)
from ouspark_assets_tests.chaos.lake_parts import parts_of
from ouspark_assets_tests.chaos.site_process import Population
from ouspark_assets_tests.chaos.steps import Kind
from ouspark_assets_tests.chaos.system_under_test import Scene, opened
from ouspark_assets_tests.chaos.tally import Tally
from ouspark_assets_tests.chaos.trial import Trial
from ouspark_assets_tests.chaos.waiting import until
from ouspark_assets_tests.support.pipeline import ROOT

SEED, STUDENTS = 5, 40
# What is done to a table, by whose promise it is noticed, and how it is undone.
BROKEN_ROWS = {
    "a mark that is gone": (
        development_says_what_the_pages_print,
        Side.DEVELOPMENT,
        "UPDATE clean.marks SET subject_code = '9' || subject_code "
        "WHERE ctid = (SELECT min(ctid) FROM clean.marks)",
        "UPDATE clean.marks SET subject_code = substr(subject_code, 2) "
        "WHERE subject_code LIKE '9%'",
    ),
    "a mark that nobody accounts for": (
        everything_found_is_accounted_for,
        Side.DEVELOPMENT,
        "UPDATE ops.accounts SET accepted = accepted - 1, quarantined = quarantined + 1",
        "UPDATE ops.accounts SET accepted = accepted + 1, quarantined = quarantined - 1",
    ),
    "a CGPA that nobody has": (
        students_have_what_they_really_have,
        Side.DEVELOPMENT,
        "UPDATE analytics.student_cgpas SET credits_counted = credits_counted + 1",
        "UPDATE analytics.student_cgpas SET credits_counted = credits_counted - 1",
    ),
    "a row of production changed by hand": (
        production_is_one_whole_publication,
        Side.PRODUCTION,
        "UPDATE analytics.student_credits SET attempted = attempted + 1",
        "UPDATE analytics.student_credits SET attempted = attempted - 1",
    ),
    "a stage that never ended": (
        no_stage_of_a_dead_run_is_left_open,
        Side.DEVELOPMENT,
        "INSERT INTO ops.stage_runs (run_id, asset) VALUES ('dead', 'raw.result_pages')",
        "DELETE FROM ops.stage_runs WHERE run_id = 'dead'",
    ),
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene after a trial of one event."""
    population = Population(STUDENTS, SEED, "none", releases=1)
    with opened(population, tmp_path_factory.mktemp("chaos"), Tally()) as scene:
        Trial(scene, SEED, seconds=1, only=[Kind.RUN_KILLED]).go_through()
        yield scene


def test_a_short_trial_keeps_every_promise(scene: Scene) -> None:
    assert scene.tally.violations == []
    assert scene.tally.events == {Kind.RUN_KILLED: 1}
    assert scene.tally.checks["students have what they really have"] >= 1
    until(lambda: scene.readers.readings().cache > 0, "readers of the cache")
    assert scene.readers.readings().production > 0


@pytest.mark.parametrize("case", BROKEN_ROWS)
def test_a_broken_row_is_noticed(scene: Scene, case: str) -> None:
    invariant, side, harm, undo = BROKEN_ROWS[case]
    assert list(invariant(scene)) == []
    with scene.pipeline.connected(side) as connection:
        connection.execute(harm.encode())
        try:
            assert list(invariant(scene))
        finally:
            connection.execute(undo.encode())
    assert list(invariant(scene)) == []


def test_a_part_that_is_gone_is_noticed(scene: Scene) -> None:
    part = parts_of(scene.lake)[0].path
    list(nothing_archived_is_lost(scene))
    part.rename(scene.folder / part.name)
    assert list(nothing_archived_is_lost(scene))
    assert list(everything_the_site_has_is_loaded(scene))
    (scene.folder / part.name).rename(part)
    assert list(everything_the_site_has_is_loaded(scene)) == []


def test_pages_that_are_fetched_again_or_are_not_the_sites_are_noticed(scene: Scene) -> None:
    part = parts_of(scene.lake)[0].path
    second = part.with_name("part-of-another-day.parquet")
    later = pl.read_parquet(part).with_columns(
        pl.col("fetched_at").dt.offset_by("1d"), pl.lit(b"<html></html>").alias("body")
    )
    later.write_parquet(second)
    try:
        assert list(no_page_is_fetched_twice(scene))
        assert list(archived_pages_are_the_sites(scene))
    finally:
        second.unlink()
    assert list(no_page_is_fetched_twice(scene)) == []


def test_a_sign_of_life_that_is_left_is_noticed(scene: Scene) -> None:
    sign = scene.home / "dagster" / "alive" / "a-run-of-yesterday"
    sign.touch()
    assert list(dagster_knows_of_no_unfinished_run(scene))
    sign.unlink()
    assert list(dagster_knows_of_no_unfinished_run(scene)) == []


def test_readers_notice_a_cold_cache_and_half_a_publication(scene: Scene) -> None:
    until(lambda: scene.readers.readings().cache > 0, "readers of the cache")
    with scene.pipeline.cache() as cache:
        cache.flushdb()
    until(lambda: _noticed(scene, "cold"), "a cold cache to be noticed")
    with scene.pipeline.connected(Side.PRODUCTION) as connection:
        connection.execute("UPDATE clean.students SET name = name || '!'")
    until(lambda: _noticed(scene, "students"), "half a publication to be noticed")


def _noticed(scene: Scene, word: str) -> bool:
    return any(word in problem for problem in scene.readers.readings().problems)


@pytest.mark.full
def test_a_long_trial_keeps_every_promise() -> None:
    command = [sys.executable, "-m", "ouspark_assets_tests.chaos", "--seed", "1"]
    done = subprocess.run(
        [*command, "--seconds", "240"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5_000:]
    assert "Every promise was kept." in done.stdout
