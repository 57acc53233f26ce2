"""`ops.scrapes` and `ops.site_health`: the progress of scrapes, and the health of their sites.

A running scrape writes both every few seconds; `status`, metrics and alerts read them. No decision
depends on them. The circuit breaker itself is in `sources/results_site/`.
"""

from dataclasses import dataclass
from datetime import datetime

from ouspark_assets.warehouse.core.connection import Connection, fetch_objects


@dataclass(frozen=True)
class ScrapeSnapshot:
    """A scrape at one moment: its progress, and how the site responds."""

    host: str
    breaker: str
    trouble: str | None
    outages: int
    at_once: int
    most_at_once: int
    expected: int
    requests: int
    found: int
    not_found: int
    no_change: int
    failed: int
    retries: int
    received: int
    per_second: float
    no_result: int = 0


@dataclass(frozen=True)
class SiteHealth:
    """The state of a site at its last scrape; `scraping`: that scrape is running or was killed."""

    host: str
    breaker: str
    since: datetime
    trouble: str | None
    troubled_at: datetime | None
    at_once: int
    most_at_once: int
    scraping: bool
    alive: bool
    seen_at: datetime


@dataclass(frozen=True)
class UnfinishedScrape:
    """The figures of a scrape that has not ended."""

    run_id: str
    release: str
    host: str
    started: datetime
    expected: int
    requests: int
    found: int
    failed: int
    per_second: float
    seen_at: datetime
    alive: bool


def store_snapshot(
    connection: Connection, stage_run: int, snapshot: ScrapeSnapshot, *, scraping: bool = True
) -> None:
    """Store the snapshot of a scrape and replace its earlier one."""
    connection.execute(
        """
        WITH scrape AS (
          INSERT INTO ops.scrapes
            (stage_run, host, expected, requests, found, not_found, no_change, no_result, failed,
             retries, received, outages, per_second, seen_at)
          VALUES (%(stage_run)s, %(host)s, %(expected)s, %(requests)s, %(found)s, %(not_found)s,
                  %(no_change)s, %(no_result)s, %(failed)s, %(retries)s, %(received)s, %(outages)s,
                  %(per_second)s, now())
          ON CONFLICT (stage_run) DO UPDATE
          SET expected = excluded.expected, requests = excluded.requests, found = excluded.found,
              not_found = excluded.not_found, no_change = excluded.no_change,
              no_result = excluded.no_result, failed = excluded.failed,
              retries = excluded.retries, received = excluded.received,
              outages = excluded.outages, per_second = excluded.per_second, seen_at = now()
        )
        INSERT INTO ops.site_health AS known
          (host, breaker, since, trouble, troubled_at, at_once, most_at_once, stage_run, scraping,
           seen_at)
        SELECT %(host)s, %(breaker)s, now(), %(trouble)s,
               CASE WHEN %(trouble)s::text IS NOT NULL THEN now() END,
               %(at_once)s, %(most_at_once)s, %(stage_run)s, %(scraping)s, now()
         -- Before its first answer, a scrape knows nothing about the site.
         WHERE %(requests)s > 0
        ON CONFLICT (host) DO UPDATE
        SET breaker = excluded.breaker,
            since = CASE WHEN (known.breaker = 'closed') = (excluded.breaker = 'closed')
                         THEN known.since ELSE excluded.since END,
            trouble = coalesce(excluded.trouble, known.trouble),
            troubled_at = coalesce(excluded.troubled_at, known.troubled_at),
            at_once = excluded.at_once, most_at_once = excluded.most_at_once,
            stage_run = excluded.stage_run, scraping = excluded.scraping,
            seen_at = excluded.seen_at
        """,
        {**vars(snapshot), "stage_run": stage_run, "scraping": scraping},
    )


def read_site_health(connection: Connection) -> list[SiteHealth]:
    """Return every site that was ever scraped, the most recent one first."""
    return fetch_objects(
        connection,
        SiteHealth,
        """
        SELECT host, breaker, since, trouble, troubled_at, at_once, most_at_once, scraping,
               coalesce(stage.alive, false) AS alive, seen_at
          FROM ops.site_health
          LEFT JOIN ops.unfinished_stages AS stage ON stage.id = stage_run
         ORDER BY seen_at DESC
        """,
    )


def read_unfinished_scrapes(connection: Connection) -> list[UnfinishedScrape]:
    """Return the scrapes that have not ended, oldest first."""
    return fetch_objects(
        connection,
        UnfinishedScrape,
        """
        SELECT run_id, release, host, started, expected, requests, found, failed, per_second,
               seen_at, alive
          FROM ops.scrapes JOIN ops.unfinished_stages AS stage ON stage.id = stage_run
         ORDER BY stage.id
        """,
    )
