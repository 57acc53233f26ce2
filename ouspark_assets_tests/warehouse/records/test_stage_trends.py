"""What the history says of how things usually go."""

import pytest

from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.stage_trends import (
    latest_trends,
    read_stage_durations,
    read_trends,
)


def ran(
    development: Connection,
    seconds: float,
    asset: str = "clean.pages",
    release: str | None = "a",
    *,
    rows: int = 100,
    rejected: int = 0,
    changed: int = 0,
    outcome: str = "succeeded",
    died: bool = False,
) -> None:
    development.execute(
        """
        INSERT INTO ops.stage_runs (run_id, asset, release, started, ended, outcome, died, rows_in,
                                    rows_written, rows_changed, rows_quarantined)
        VALUES ('r', %s, %s, now(), now() + make_interval(secs => %s), %s, %s, %s, %s, %s, %s)
        """,
        (asset, release, seconds, outcome, died, rows, rows - rejected, changed, rejected),
    )


def test_a_stage_is_held_against_the_median_of_the_successful_ones_before(
    development: Connection,
) -> None:
    for seconds in (1, 2, 9):
        ran(development, seconds)
    ran(development, 500, outcome="failed")
    ran(development, 4, rows=300)
    (latest,) = latest_trends(development)
    assert (latest.earlier, latest.usual_seconds, latest.usual_rows) == (3, 2, 100)
    assert (latest.seconds_ratio, latest.rows_ratio) == (2, 3)


def test_the_first_one_has_nothing_to_be_held_against(development: Connection) -> None:
    ran(development, 1)
    (first,) = latest_trends(development)
    assert (first.earlier, first.usual_seconds, first.seconds_ratio) == (0, None, None)


def test_no_more_than_twenty_before_count(development: Connection) -> None:
    for seconds in [100] * 30 + [1] * 20:
        ran(development, seconds)
    ran(development, 1)
    (latest,) = latest_trends(development)
    assert (latest.earlier, latest.usual_seconds) == (20, 1)


def test_the_first_run_of_a_new_release_is_held_against_the_pace_of_other_releases(
    development: Connection,
) -> None:
    ran(development, 1, release="a", rows=100)
    ran(development, 2, release="b", rows=600)
    # One that had nothing to do says nothing about the pace.
    ran(development, 2, release="a", rows=0)
    ran(development, 10, release="c", rows=100)
    newest = latest_trends(development, release="c")[0]
    assert (newest.rows_per_second, newest.usual_rows_per_second) == (10, 200)
    assert newest.usual_seconds is None


def test_stages_without_a_release_have_a_history_too(development: Connection) -> None:
    ran(development, 1, "analytics.standings", None)
    ran(development, 3, "analytics.standings", None)
    (latest,) = latest_trends(development)
    assert (latest.release, latest.usual_seconds) == (None, 1)


def test_shares_of_what_was_rejected_and_of_what_changed(development: Connection) -> None:
    ran(development, 1, rows=200, rejected=50, changed=30)
    ran(development, 0, rows=0)
    rejected, nothing = read_trends(development, "clean.pages", None, 10)
    assert rejected.reject_share == pytest.approx(0.25)
    assert rejected.changed_share == pytest.approx(0.2)
    assert (nothing.reject_share, nothing.changed_share, nothing.rows_per_second) == (None,) * 3


def test_how_long_a_stage_took_that_was_killed_nobody_knows(development: Connection) -> None:
    ran(development, 86_400, outcome="failed", died=True)
    (died,) = latest_trends(development)
    assert died.seconds is None
    assert read_stage_durations(development, 5) == {}


def test_the_latest_of_each_stage_come_in_the_order_in_which_they_ran(
    development: Connection,
) -> None:
    for asset, release in (("b", "x"), ("a", None), ("b", "y"), ("b", "x")):
        ran(development, 1, asset, release)
    found = [(it.asset, it.release) for it in latest_trends(development)]
    assert found == [("a", None), ("b", "y"), ("b", "x")]


def test_the_runs_of_a_stage_are_the_latest_ones_oldest_first(development: Connection) -> None:
    for seconds in (1, 2, 3):
        ran(development, seconds)
    ran(development, 9, "other")
    assert [it.seconds for it in read_trends(development, "clean.pages", "a", 2)] == [2, 3]
    assert read_trends(development, "clean.pages", "b", 2) == []
    assert read_stage_durations(development, 2) == {
        ("clean.pages", "a"): [2, 3],
        ("other", "a"): [9],
    }


def test_looking_at_a_stage_uses_its_index(development: Connection) -> None:
    development.execute(
        "INSERT INTO ops.stage_runs (run_id, asset, release, outcome) SELECT 'r', 'a' || n %% 20, "
        "'x' || n %% 50, 'succeeded' FROM generate_series(1, 20000) AS n",
        (),
    )
    development.execute("ANALYZE ops.stage_runs")
    plan = development.execute(
        "EXPLAIN SELECT * FROM ops.stage_trends WHERE asset = 'a1' AND release = 'x1' "
        "ORDER BY id DESC LIMIT 5"
    ).fetchall()
    shown = "\n".join(str(row[0]) for row in plan)
    assert "stage_runs_by_stage" in shown
    assert "Seq Scan" not in shown
