"""The asset `result_pages`: a scrape of a local site, and what is recorded while it runs."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from ouspark_assets.orchestration.assets.raw import result_pages
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.orchestration.resources import default_resources
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_index import make_release_row
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.records.site_health import SiteHealth, read_site_health
from ouspark_assets_tests.sources.results_site.small_site import (
    Sent,
    SmallSite,
    answers_for,
    small_site,
)
from ouspark_assets_tests.support.waiting import wait_until_blocked

RELEASE = "20250402"
TICKETS = [f"160424733{serial:03d}" for serial in range(1, 41)]
FOUND = answers_for(set(TICKETS[:30]))
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Scrape = Callable[[SmallSite], dg.ExecuteInProcessResult]


@pytest.fixture
def scrape(
    development: Connection,
    only_development: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Scrape:
    """Return a function that scrapes TICKETS by materializing the asset."""
    monkeypatch.setenv("OUSPARK_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("OUSPARK_SITE_CONCURRENCY", "4")
    tickets = tmp_path / "tickets"
    tickets.write_text("\n".join(TICKETS))

    def materialize(site: SmallSite) -> dg.ExecuteInProcessResult:
        monkeypatch.setenv("OUSPARK_SITE_URL", site.url)
        with write_transaction(development, "test") as writer:
            row = make_release_row(RELEASE, site.url, seen_at=datetime.now(UTC))
            writer.merge(RELEASE_INDEX, [row])
        config = {"tickets_file": str(tickets), "refetch": True}
        with dg.DagsterInstance.ephemeral() as instance:
            register_releases(instance, [RELEASE])
            return dg.materialize(
                [result_pages],
                instance=instance,
                partition_key=RELEASE,
                resources=default_resources(),
                run_config={**QUIET, "ops": {"raw__result_pages": {"config": config}}},
                raise_on_error=False,
            )

    return materialize


def health(development: Connection) -> SiteHealth:
    (site,) = read_site_health(development)
    return site


def stage(development: Connection, columns: str) -> tuple[object, ...]:
    query = f"SELECT {columns} FROM ops.stage_runs ORDER BY id DESC LIMIT 1"
    return development.execute(query.encode()).fetchall()[0]


def test_a_scrape_records_its_numbers_and_the_health_of_the_site(
    scrape: Scrape, development: Connection
) -> None:
    with small_site(FOUND) as site:
        assert scrape(site).success
    numbers = "requests, found, not_found, failed, retries, outages"
    query = f"SELECT {numbers} FROM ops.scrapes"
    assert development.execute(query.encode()).fetchall() == [(40, 30, 10, 0, 0, 0)]
    assert stage(development, "outcome, rows_in, rows_written") == ("succeeded", 40, 30)
    seen = health(development)
    assert seen.host == site.url.removeprefix("http://")
    assert (seen.breaker, seen.trouble, seen.at_once) == ("closed", None, 4)
    assert (seen.scraping, seen.alive) == (False, False)


def test_a_scrape_waits_until_the_one_in_progress_has_ended(
    scrape: Scrape, development_dsn: str
) -> None:
    done: list[bool] = []
    with (
        small_site(FOUND) as site,
        connected(development_dsn, Side.DEVELOPMENT, "first") as first,
        connected(development_dsn, Side.DEVELOPMENT, "observer") as observer,
    ):
        second = threading.Thread(target=lambda: done.append(scrape(site).success))
        with exclusive_lock(first, Lock.SCRAPE, 0, "Scraping"):
            second.start()
            wait_until_blocked(observer, f"scrape {RELEASE}", second)
            assert site.requests == []
        second.join()
        assert done == [True]
        assert len(site.requests) == len(TICKETS)


def test_a_site_stays_recorded_as_down_until_a_scrape_reaches_it(
    scrape: Scrape, development: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_SITE_PATIENCE", "0")
    with small_site(lambda _: Sent(reset=True)) as site:
        scrape(site)
        down = health(development)
        assert (down.breaker, down.trouble, down.scraping) == ("open", "connection", False)
        assert development.execute("SELECT outages FROM ops.scrapes").fetchall() == [(1,)]
    with small_site(FOUND) as up:
        development.execute("UPDATE ops.site_health SET host = %s", (up.url[len("http://") :],))
        scrape(up)
    seen = health(development)
    assert (seen.breaker, seen.trouble) == ("closed", "connection")
    assert seen.since > down.since


def test_a_scrape_that_fails_halfway_is_recorded_with_its_requests(
    scrape: Scrape, development: Connection
) -> None:
    with small_site(lambda _: Sent(status=404)) as site:
        assert not scrape(site).success
    outcome, asked, error = stage(development, "outcome, rows_in, error")
    assert outcome == "failed"
    assert isinstance(asked, int)
    assert asked >= 5
    assert "HTTP 404" in str(error)


def test_pages_are_archived_even_if_the_database_closes_the_connection(
    scrape: Scrape, development: Connection, development_dsn: str, tmp_path: Path
) -> None:
    answered = threading.Lock()

    def answers(ticket: str) -> Sent:
        if answered.acquire(blocking=False):
            with psycopg.connect(development_dsn, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE application_name = 'ouspark raw.result_pages' "
                    "AND datname = current_database()"
                )
        return FOUND(ticket)

    with small_site(answers) as site:
        scrape(site)
    archived = PageArchive(str(tmp_path / "lake")).answers(RELEASE)
    assert set(archived["hall_ticket"]) == set(TICKETS)
    assert stage(development, "outcome, ended") == ("running", None)
