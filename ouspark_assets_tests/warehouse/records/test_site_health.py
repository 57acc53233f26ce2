"""The recorded health of a site and the numbers of its scrapes."""

from dataclasses import replace

import pytest

from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.records.site_health import (
    ScrapeSnapshot,
    SiteHealth,
    read_site_health,
    read_unfinished_scrapes,
    store_snapshot,
)
from ouspark_assets.warehouse.records.stage_runs import record_stage

HEALTHY = ScrapeSnapshot(
    host="results.example",
    breaker="closed",
    trouble=None,
    outages=0,
    at_once=32,
    most_at_once=32,
    expected=100,
    requests=10,
    found=4,
    not_found=5,
    no_change=1,
    failed=0,
    retries=0,
    received=1000,
    per_second=5.0,
)
DOWN = replace(HEALTHY, breaker="open", trouble="timeout", outages=1, at_once=4)


@pytest.fixture
def stage_run(development: Connection) -> int:
    row = development.execute(
        "INSERT INTO ops.stage_runs (run_id, asset, release) "
        "VALUES ('r', 'raw.result_pages', '20250402') RETURNING id"
    ).fetchone()
    return int(str(row[0])) if row else 0


def health(development: Connection) -> SiteHealth:
    (site,) = read_site_health(development)
    return site


def test_an_outage_has_one_start_time_regardless_of_trials(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, HEALTHY)
    up = health(development).since
    store_snapshot(development, stage_run, DOWN)
    down = health(development)
    assert (down.breaker, down.trouble, down.at_once) == ("open", "timeout", 4)
    assert down.since > up
    for breaker in ("half-open", "open"):
        store_snapshot(development, stage_run, replace(DOWN, breaker=breaker, trouble=None))
        assert (health(development).breaker, health(development).since) == (breaker, down.since)
    store_snapshot(development, stage_run, replace(HEALTHY, outages=1))
    assert health(development).since > down.since


def test_the_last_failure_is_kept_with_its_time(development: Connection, stage_run: int) -> None:
    store_snapshot(development, stage_run, DOWN)
    failing = health(development)
    store_snapshot(development, stage_run, HEALTHY)
    later = health(development)
    assert (later.trouble, later.troubled_at) == ("timeout", failing.troubled_at)
    assert later.seen_at > failing.seen_at


def test_a_scrape_without_requests_does_not_change_the_health(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, DOWN, scraping=False)
    before = health(development)
    store_snapshot(development, stage_run, replace(HEALTHY, requests=0))
    assert health(development) == before


def test_the_numbers_of_a_scrape_are_updated_in_one_row(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, HEALTHY)
    store_snapshot(development, stage_run, replace(HEALTHY, requests=60, found=50))
    assert development.execute("SELECT requests, found FROM ops.scrapes").fetchall() == [(60, 50)]


def test_a_scrape_whose_process_was_killed_is_not_alive(
    development: Connection, development_dsn: str
) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT) as connection,
        record_stage(connection, "r", "raw.result_pages", "20250402") as stage,
    ):
        store_snapshot(connection, stage.number, DOWN)
        assert (health(development).scraping, health(development).alive) == (True, True)
        assert [
            (scrape.release, scrape.alive) for scrape in read_unfinished_scrapes(development)
        ] == [("20250402", True)]
        pid = connection.info.backend_pid
        development.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        assert (health(development).scraping, health(development).alive) == (True, False)
        assert [scrape.alive for scrape in read_unfinished_scrapes(development)] == [False]


def test_pruning_the_history_removes_the_numbers_of_its_scrapes(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, HEALTHY)
    development.execute("DELETE FROM ops.stage_runs")
    assert development.execute("SELECT count(*) FROM ops.scrapes").fetchone() == (0,)
    assert health(development).breaker == "closed"
