"""Stage durations, row counts and shares compared with earlier runs of the same stage."""

import pytest

from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.stage_trends import (
    latest_trends,
    read_stage_durations,
    read_trends,
)


def record_run(
    development: Connection,
    seconds: float,
    asset: str = "clean.pages",
    release: str | None = "a",
    *,
    rows: int = 100,
    rejected: int = 0,
    changed: int = 0,
    outcome: str = "succeeded",
    killed: bool = False,
) -> None:
    development.execute(
        """
        INSERT INTO ops.stage_runs (run_id, asset, release, started, ended, outcome, died, rows_in,
                                    rows_written, rows_changed, rows_quarantined)
        VALUES ('r', %s, %s, now(), now() + make_interval(secs => %s), %s, %s, %s, %s, %s, %s)
        """,
        (asset, release, seconds, outcome, killed, rows, rows - rejected, changed, rejected),
    )


def test_a_stage_is_compared_with_the_median_of_its_earlier_successful_runs(
    development: Connection,
) -> None:
    for seconds in (1, 2, 9):
        record_run(development, seconds)
    record_run(development, 500, outcome="failed")
    record_run(development, 4, rows=300)
    (latest,) = latest_trends(development)
    assert (latest.earlier, latest.usual_seconds, latest.usual_rows) == (3, 2, 100)
    assert (latest.seconds_ratio, latest.rows_ratio) == (2, 3)


def test_the_first_run_has_no_comparison(development: Connection) -> None:
    record_run(development, 1)
    (first,) = latest_trends(development)
    assert (first.earlier, first.usual_seconds, first.seconds_ratio) == (0, None, None)


def test_only_the_last_twenty_runs_are_compared(development: Connection) -> None:
    for seconds in [100] * 30 + [1] * 20:
        record_run(development, seconds)
    record_run(development, 1)
    (latest,) = latest_trends(development)
    assert (latest.earlier, latest.usual_seconds) == (20, 1)


def test_the_first_run_of_a_release_is_compared_with_the_rows_per_second_of_other_releases(
    development: Connection,
) -> None:
    record_run(development, 1, release="a", rows=100)
    record_run(development, 2, release="b", rows=600)
    # A run without rows is not part of the comparison.
    record_run(development, 2, release="a", rows=0)
    record_run(development, 10, release="c", rows=100)
    newest = latest_trends(development, release="c")[0]
    assert (newest.rows_per_second, newest.usual_rows_per_second) == (10, 200)
    assert newest.usual_seconds is None


def test_stages_without_a_release_are_compared_as_well(development: Connection) -> None:
    record_run(development, 1, "analytics.standings", None)
    record_run(development, 3, "analytics.standings", None)
    (latest,) = latest_trends(development)
    assert (latest.release, latest.usual_seconds) == (None, 1)


def test_the_shares_of_rejected_and_changed_rows_are_computed(development: Connection) -> None:
    record_run(development, 1, rows=200, rejected=50, changed=30)
    record_run(development, 0, rows=0)
    rejected, nothing = read_trends(development, "clean.pages", None, 10)
    assert rejected.reject_share == pytest.approx(0.25)
    assert rejected.changed_share == pytest.approx(0.2)
    assert (nothing.reject_share, nothing.changed_share, nothing.rows_per_second) == (None,) * 3


def test_the_duration_of_a_killed_stage_is_unknown(development: Connection) -> None:
    record_run(development, 86_400, outcome="failed", killed=True)
    (killed,) = latest_trends(development)
    assert killed.seconds is None
    assert read_stage_durations(development, 5) == {}


def test_the_latest_runs_of_all_stages_are_in_the_order_of_execution(
    development: Connection,
) -> None:
    for asset, release in (("b", "x"), ("a", None), ("b", "y"), ("b", "x")):
        record_run(development, 1, asset, release)
    found = [(trend.asset, trend.release) for trend in latest_trends(development)]
    assert found == [("a", None), ("b", "y"), ("b", "x")]


def test_the_latest_runs_of_a_stage_are_returned_oldest_first(development: Connection) -> None:
    for seconds in (1, 2, 3):
        record_run(development, seconds)
    record_run(development, 9, "other")
    assert [trend.seconds for trend in read_trends(development, "clean.pages", "a", 2)] == [2, 3]
    assert read_trends(development, "clean.pages", "b", 2) == []
    assert read_stage_durations(development, 2) == {
        ("clean.pages", "a"): [2, 3],
        ("other", "a"): [9],
    }


def test_reading_the_trends_of_a_stage_uses_the_index(development: Connection) -> None:
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
