"""The queries of alert facts, against a real development database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ouspark_assets.cli.recorded_command import recorded_command
from ouspark_assets.operations.alerts.database_facts import (
    compare_with_previous_run,
    fetch_open_quarantine,
    fetch_scrape_outages,
    fetch_stage_durations,
)
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets_tests.support.stores import RELEASE

OLDER = "20240402"


def record_runs(
    connection: Connection,
    seconds: Sequence[float],
    *,
    asset: str = "clean.pages",
    release: str | None = None,
    rows: Sequence[int] = (),
    ago: str = "1 hour",
) -> None:
    """Record a run of each duration, with the number of rows it wrote."""
    for number, took in enumerate(seconds):
        written = rows[number] if rows else None
        connection.execute(
            """
            INSERT INTO ops.stage_runs
                   (run_id, asset, release, started, ended, outcome, rows_written, rows_changed)
            SELECT 'run', %s, %s, began, began + %s * interval '1 second', 'succeeded', %s, 1
              FROM (SELECT now() - %s::interval AS began) AS it
            """,
            (asset, release, took, written, ago),
        )


def test_a_stage_has_the_durations_of_its_earlier_runs(development: Connection) -> None:
    record_runs(development, [10, 20, 30], release=OLDER, ago="9 days")
    record_runs(development, [99], release=RELEASE)
    record_runs(development, [5], asset="analytics.standings", ago="2 days")
    (stage,) = fetch_stage_durations(development)
    assert (stage.asset, stage.release, stage.seconds) == ("clean/pages", RELEASE, 99)
    assert stage.earlier_seconds == (30, 20, 10)
    assert not stage.is_running


def test_runs_that_changed_nothing_are_not_compared_with_runs_that_did(
    development: Connection,
) -> None:
    record_runs(development, [10, 10, 10], ago="9 days")
    record_runs(development, [0.1, 0.1, 0.1], ago="8 days")
    development.execute("UPDATE ops.stage_runs SET rows_changed = 0 WHERE id > 3")
    record_runs(development, [11])
    (stage,) = fetch_stage_durations(development)
    assert stage.earlier_seconds == (10, 10, 10)


def test_a_running_stage_counts_and_a_killed_one_does_not(
    development: Connection,
) -> None:
    begin = "INSERT INTO ops.stage_runs (run_id, asset, backend) VALUES ('run', %s, %s)"
    development.execute(begin, ("clean.pages", development.info.backend_pid))
    development.execute(begin, ("raw.result_pages", -1))
    (stage,) = fetch_stage_durations(development)
    assert (stage.asset, stage.is_running) == ("clean/pages", True)
    assert stage.seconds >= 0


def test_rows_are_compared_with_the_run_before(development: Connection) -> None:
    record_runs(development, [1, 1, 1], rows=[50, 100, 89], asset="analytics.standings")
    record_runs(development, [1, 1], rows=[100, 0], asset="raw.result_pages", release=RELEASE)
    record_runs(development, [1, 1], rows=[100, 1], asset="analytics.backlogs", ago="8 days")
    record_runs(development, [1], rows=[7], release=RELEASE)
    volumes = compare_with_previous_run(development)
    assert [(volume.measure, volume.count, volume.baseline_count) for volume in volumes] == [
        ("rows of analytics/standings", 89, 100)
    ]


@pytest.mark.usefixtures("only_development")
def test_a_deliberate_rollback_is_no_loss_before_or_after_it(development: Connection) -> None:
    publication = "production.publication"
    record_runs(development, [1, 1], asset=publication, rows=[100, 100], ago="1 day")
    with recorded_command(publication) as record:
        record.rows_written = 10
    (volume,) = compare_with_previous_run(development)
    assert (volume.count, volume.baseline_count) == (100, 100)
    record_runs(development, [1], asset=publication, rows=[80])
    (volume,) = compare_with_previous_run(development)
    assert (volume.count, volume.baseline_count) == (80, 100)


def test_open_quarantine_is_counted_by_release_and_time(development: Connection) -> None:
    ago = datetime.now(UTC) - timedelta(days=9)
    development.execute(
        """
        INSERT INTO clean.quarantine (release, hall_ticket, table_name, fingerprint, reasons, raw,
                                      run_id, status, first_seen_at)
        SELECT %s, 'ticket', 'marks', n::text, '{}', '{}', 'run',
               CASE WHEN n < 4 THEN 'open' ELSE 'resolved' END,
               CASE WHEN n > 1 THEN %s ELSE now() END
          FROM generate_series(1, 5) AS n
        """,
        (RELEASE, ago),
    )
    groups = sorted(fetch_open_quarantine(development), key=lambda group: group.first_seen_at)
    assert [(group.release, group.records) for group in groups] == [(RELEASE, 2), (RELEASE, 1)]
    assert groups[0].first_seen_at == ago


def record_site(connection: Connection, host: str, breaker: str, seen: str) -> None:
    connection.execute(
        """
        INSERT INTO ops.site_health
               (host, breaker, since, trouble, at_once, most_at_once, stage_run, scraping, seen_at)
        VALUES (%s, %s, now() - interval '1 hour', 'timeout', 1, 8, 1, false, now() - %s::interval)
        """,
        (host, breaker, seen),
    )


def test_the_site_of_the_latest_scrape_is_down_while_its_breaker_is_open(
    development: Connection,
) -> None:
    record_site(development, "old.example.org", "open", "1 day")
    record_site(development, "new.example.org", "half-open", "1 minute")
    (outage,) = fetch_scrape_outages(development)
    assert (outage.what, outage.reason) == ("new.example.org", "timeout")
    assert datetime.now(UTC) - outage.since >= timedelta(hours=1)
    record_site(development, "newest.example.org", "closed", "0 s")
    assert fetch_scrape_outages(development) == []
