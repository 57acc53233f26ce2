from datetime import UTC, datetime, timedelta
from itertools import count

from ouspark_assets.operations.status import (
    select_failed,
    select_running,
    summarize_last_run,
)
from ouspark_assets.warehouse.records.stage_runs import StageRun

NOON = datetime(2025, 4, 2, 12, tzinfo=UTC)
ids = count(1)


def stage(
    run_id: str, asset: str, begin: float, end: float | None, outcome: str = "succeeded"
) -> StageRun:
    def at(seconds: float) -> datetime:
        return NOON + timedelta(seconds=seconds)

    error = "WarehouseError: no space" if outcome == "failed" else None
    ended = None if end is None else at(end)
    return StageRun(next(ids), run_id, asset, None, at(begin), ended, outcome, error)


def test_without_any_stage_there_is_no_last_run() -> None:
    assert summarize_last_run([]) is None


def test_the_runs_of_one_command_count_as_one_run() -> None:
    run = summarize_last_run(
        [
            stage("old", "clean.pages", 0, 2, "failed"),
            stage("a", "clean.pages", 100, 101),
            stage("b", "clean.pages", 102, 110),
            stage("b", "analytics.standings", 300, 301),
        ],
        run_ids=("a", "b"),
    )
    assert run is not None
    assert (run.run_ids, run.stages, run.outcome) == (("a", "b"), 3, "succeeded")
    assert (run.started, run.seconds) == (NOON + timedelta(seconds=100), 201.0)


def test_a_run_that_follows_at_once_is_not_counted_with_the_run_before() -> None:
    stages = [
        stage("old", "source.release_index", 0, 2, "failed"),
        stage("a", "cache.generation", 3, 4),
    ]
    run = summarize_last_run(stages)
    assert run is not None
    assert (run.run_ids, run.stages, run.seconds, run.outcome) == (("a",), 1, 1.0, "succeeded")


def test_a_run_with_a_failed_stage_has_failed_and_has_its_error() -> None:
    run = summarize_last_run([stage("a", "x", 0, 1, "failed"), stage("a", "y", 1, 2)])
    assert run is not None
    assert (run.outcome, run.errors) == ("failed", ("WarehouseError: no space",))


def test_a_stage_without_an_end_is_running_or_was_killed() -> None:
    stages = [stage("a", "x", 0, 1), stage("a", "y", 1, None, "running")]
    running = summarize_last_run(stages, running_ids={stages[1].id})
    killed = summarize_last_run(stages)
    assert running is not None
    assert (running.outcome, running.seconds) == ("running", None)
    assert killed is not None
    assert (killed.outcome, killed.seconds) == ("killed", None)


def test_failed_and_killed_stages_are_selected_and_running_ones_are_not() -> None:
    latest = [
        stage("a", "x", 0, 1),
        stage("a", "y", 1, 2, "failed"),
        stage("b", "z", 3, None, "running"),
        stage("c", "w", 4, None, "running"),
    ]
    running_ids = {latest[3].id}
    assert [row.asset for row in select_failed(latest, running_ids)] == ["y", "z"]
    assert [row.asset for row in select_running(latest, running_ids)] == ["w"]
