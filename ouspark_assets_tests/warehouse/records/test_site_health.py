"""What is kept of how a site fares."""

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

SEEN = ScrapeSnapshot(
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
DOWN = replace(SEEN, breaker="open", trouble="timeout", outages=1, at_once=4)


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


def test_down_begins_once_however_often_it_is_tried(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, SEEN)
    up = health(development).since
    store_snapshot(development, stage_run, DOWN)
    down = health(development)
    assert (down.breaker, down.trouble, down.at_once) == ("open", "timeout", 4)
    assert down.since > up
    for breaker in ("half-open", "open"):
        store_snapshot(development, stage_run, replace(DOWN, breaker=breaker, trouble=None))
        assert (health(development).breaker, health(development).since) == (breaker, down.since)
    store_snapshot(development, stage_run, replace(SEEN, outages=1))
    assert health(development).since > down.since


def test_the_last_trouble_stays_known_with_its_time(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, DOWN)
    troubled = health(development)
    store_snapshot(development, stage_run, SEEN)
    later = health(development)
    assert (later.trouble, later.troubled_at) == ("timeout", troubled.troubled_at)
    assert later.seen_at > troubled.seen_at


def test_a_scrape_that_has_asked_nothing_yet_says_nothing_about_the_site(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, DOWN, scraping=False)
    before = health(development)
    store_snapshot(development, stage_run, replace(SEEN, requests=0))
    assert health(development) == before


def test_a_scrape_in_numbers_is_written_over_and_counted_once(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, SEEN)
    store_snapshot(development, stage_run, replace(SEEN, requests=60, found=50))
    assert development.execute("SELECT requests, found FROM ops.scrapes").fetchall() == [(60, 50)]


def test_a_scrape_whose_process_is_gone_is_not_at_work_whatever_it_said_last(
    development: Connection, development_dsn: str
) -> None:
    with (
        connected(development_dsn, Side.DEVELOPMENT) as connection,
        record_stage(connection, "r", "raw.result_pages", "20250402") as stage,
    ):
        store_snapshot(connection, stage.number, DOWN)
        assert (health(development).scraping, health(development).alive) == (True, True)
        assert [(it.release, it.alive) for it in read_unfinished_scrapes(development)] == [
            ("20250402", True)
        ]
        pid = connection.info.backend_pid
        development.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        assert (health(development).scraping, health(development).alive) == (True, False)
        assert [it.alive for it in read_unfinished_scrapes(development)] == [False]


def test_pruning_the_history_takes_the_numbers_of_its_scrapes_along(
    development: Connection, stage_run: int
) -> None:
    store_snapshot(development, stage_run, SEEN)
    development.execute("DELETE FROM ops.stage_runs")
    assert development.execute("SELECT count(*) FROM ops.scrapes").fetchone() == (0,)
    assert health(development).breaker == "closed"
