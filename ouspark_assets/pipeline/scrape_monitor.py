"""Records the progress of a scrape in the development database while it runs.

The records are those of `warehouse/records/site_health.py`. How progress is shown to a person is
decided by the caller.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ouspark_assets.domain.addresses import host_and_port
from ouspark_assets.sources.results_site.scrape_report import ScrapeProgress, ShowProgress
from ouspark_assets.warehouse.core.connection import Connection, first_line
from ouspark_assets.warehouse.records.site_health import ScrapeSnapshot, store_snapshot
from ouspark_assets.warehouse.records.stage_runs import StageRecord

# Seconds: often enough for an operator who watches, seldom enough not to slow the scrape.
RECORDING_INTERVAL = 3.0

log = logging.getLogger(__name__)


@contextmanager
def monitored_scrape(
    connection: Connection, stage: StageRecord, url: str, show: ShowProgress
) -> Iterator[ShowProgress]:
    """Yield a progress function that records each snapshot and passes it on to `show`.

    The scrape is recorded as ended when the block is left.
    """
    monitor = _ScrapeMonitor(connection, stage, host_and_port(url), show)
    try:
        yield monitor.update
    finally:
        if monitor.latest is not None:
            monitor.record(monitor.latest, scraping=False)


class _ScrapeMonitor:
    """Writes a snapshot when the breaker changes, and otherwise once per interval."""

    def __init__(
        self, connection: Connection, stage: StageRecord, host: str, show: ShowProgress
    ) -> None:
        self._connection, self._stage, self._host, self._show = connection, stage, host, show
        self._recorded: ScrapeProgress | None = None
        self._recorded_at = 0.0
        self.latest: ScrapeProgress | None = None

    def update(self, progress: ScrapeProgress) -> None:
        # Kept up to date, so that a scrape that fails halfway is recorded with what it did.
        self._stage.rows_in = progress.requests
        self._stage.rows_written = self._stage.rows_changed = progress.found
        self.latest, previous = progress, self._recorded
        if (
            previous is None
            or time.monotonic() - self._recorded_at >= RECORDING_INTERVAL
            or (previous.breaker, previous.outages) != (progress.breaker, progress.outages)
        ):
            self.record(progress, scraping=True)
        self._show(progress)

    def record(self, progress: ScrapeProgress, *, scraping: bool) -> None:
        recorded_failures = self._recorded.failed_requests if self._recorded else 0
        has_new_failure = progress.failed_requests > recorded_failures
        snapshot = ScrapeSnapshot(
            host=self._host,
            breaker=progress.breaker.value,
            # Only a new failure is named: the database dates it with the time of this record.
            trouble=str(progress.last_cause) if has_new_failure else None,
            outages=progress.outages,
            at_once=progress.at_once,
            most_at_once=progress.most_at_once,
            expected=progress.expected,
            requests=progress.requests,
            found=progress.found,
            not_found=progress.not_found,
            no_change=progress.no_change,
            no_result=progress.no_result,
            failed=progress.failed,
            retries=progress.retries,
            received=progress.received,
            per_second=progress.per_second,
        )
        self._recorded, self._recorded_at = progress, time.monotonic()
        if self._connection.closed:
            return  # The loss of the connection has already been logged.
        try:
            store_snapshot(self._connection, self._stage.number, snapshot, scraping=scraping)
        except psycopg.Error as error:
            # The pages are in the lake. If the database stays unreachable, the next stage fails.
            log.warning("The progress of the scrape can't be recorded: %s", first_line(error))
