from datetime import UTC, datetime, timedelta
from itertools import count

from ouspark_assets.operations.status.runs import StageRun, at_work_now, last_run, not_succeeded

NOON = datetime(2025, 4, 2, 12, tzinfo=UTC)
numbers = count(1)


def stage(
    run: str, asset: str, begins: float, ends: float | None, outcome: str = "succeeded"
) -> StageRun:
    def at(seconds: float) -> datetime:
        return NOON + timedelta(seconds=seconds)

    error = "WarehouseError: no space" if outcome == "failed" else None
    ended = None if ends is None else at(ends)
    return StageRun(next(numbers), run, asset, None, at(begins), ended, outcome, error)


def test_nothing_ever_ran() -> None:
    assert last_run([]) is None


def test_runs_that_follow_each_other_closely_are_one_and_older_ones_are_not_part_of_it() -> None:
    found = last_run(
        [
            stage("old", "clean.pages", 0, 2, "failed"),
            stage("a", "clean.pages", 100, 101),
            stage("b", "clean.pages", 102, 110),
            stage("b", "analytics.standings", 300, 301),
        ]
    )
    assert found is not None
    assert (found.run_ids, found.stages, found.outcome) == (("a", "b"), 3, "succeeded")
    assert (found.started, found.seconds) == (NOON + timedelta(seconds=100), 201.0)


def test_reading_the_index_begins_another_run_however_soon() -> None:
    found = last_run(
        [
            stage("old", "clean.pages", 0, 2, "failed"),
            stage("a", "source.release_index", 3, 4),
            stage("b", "clean.pages", 5, 6),
        ]
    )
    assert found is not None
    assert (found.run_ids, found.outcome) == (("a", "b"), "succeeded")


def test_a_failure_is_the_outcome_and_says_why() -> None:
    found = last_run([stage("a", "x", 0, 1, "failed"), stage("a", "y", 1, 2)])
    assert found is not None
    assert (found.outcome, found.errors) == ("failed", ("WarehouseError: no space",))


def test_a_stage_without_an_end_is_at_work_or_was_killed() -> None:
    stages = [stage("a", "x", 0, 1), stage("a", "y", 1, None, "running")]
    at_work = last_run(stages, at_work={stages[1].id})
    killed = last_run(stages)
    assert at_work is not None
    assert (at_work.outcome, at_work.seconds) == ("running", None)
    assert killed is not None
    assert (killed.outcome, killed.seconds) == ("killed", None)


def test_whatever_did_not_end_well_is_listed_and_what_is_at_work_is_not() -> None:
    latest = [
        stage("a", "x", 0, 1),
        stage("a", "y", 1, 2, "failed"),
        stage("b", "z", 3, None, "running"),
        stage("c", "w", 4, None, "running"),
    ]
    at_work = {latest[3].id}
    assert [it.asset for it in not_succeeded(latest, at_work)] == ["y", "z"]
    assert [it.asset for it in at_work_now(latest, at_work)] == ["w"]
