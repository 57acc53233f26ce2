from datetime import UTC, datetime, timedelta

from ouspark_assets.status.runs import StageRun, last_run, not_succeeded

NOON = datetime(2025, 4, 2, 12, tzinfo=UTC)


def stage(
    run: str, asset: str, begins: float, ends: float | None, outcome: str = "succeeded"
) -> StageRun:
    def at(seconds: float) -> datetime:
        return NOON + timedelta(seconds=seconds)

    error = "WarehouseError: no space" if outcome == "failed" else None
    ended = None if ends is None else at(ends)
    return StageRun(run, asset, None, at(begins), ended, outcome, error)


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


def test_a_stage_without_an_end_is_still_at_work_or_was_killed() -> None:
    found = last_run([stage("a", "x", 0, 1), stage("a", "y", 1, None, "running")])
    assert found is not None
    assert (found.outcome, found.seconds) == ("running", None)


def test_whatever_did_not_end_well_is_listed() -> None:
    latest = [
        stage("a", "x", 0, 1),
        stage("a", "y", 1, 2, "failed"),
        stage("b", "z", 3, None, "running"),
    ]
    assert [it.asset for it in not_succeeded(latest)] == ["y", "z"]
