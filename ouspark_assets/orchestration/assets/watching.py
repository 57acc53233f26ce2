"""What a scrape sees of its site, written to development while it runs.

Whenever the breaker changes and every few seconds, never so often that it would slow the scrape.
What is shown to whoever watches the run is `raw.py`.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

from ouspark_assets.orchestration.assets.stage import Work
from ouspark_assets.sources.results_site.scrape_report import ScrapeProgress, ShowProgress
from ouspark_assets.warehouse.core.connection import first_line
from ouspark_assets.warehouse.records.site_health import Sighting, note

SECONDS_BETWEEN_NOTES = 3.0

log = logging.getLogger(__name__)


@contextmanager
def watched(work: Work, url: str, show: ShowProgress) -> Iterator[ShowProgress]:
    """The same progress, noted beside; at the end the scrape is noted as ended."""
    parts = urlsplit(url)
    watch = _Watch(work, f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname))

    def both(snapshot: ScrapeProgress) -> None:
        watch.look(snapshot)
        show(snapshot)

    try:
        yield both
    finally:
        watch.end()


class _Watch:
    """Decides when there is something to note."""

    def __init__(self, work: Work, host: str) -> None:
        self._work, self._host = work, host
        self._noted: ScrapeProgress | None = None
        self._noted_at = 0.0
        self._last: ScrapeProgress | None = None

    def look(self, snapshot: ScrapeProgress) -> None:
        record = self._work.record
        # A scrape that fails in the middle has done what it has done.
        record.rows_in = snapshot.requests
        record.rows_written = record.rows_changed = snapshot.found
        self._last = snapshot
        if self._is_worth_it(snapshot):
            self._note(snapshot, scraping=True)

    def end(self) -> None:
        if self._last is not None:
            self._note(self._last, scraping=False)

    def _is_worth_it(self, snapshot: ScrapeProgress) -> bool:
        before = self._noted
        if before is None or time.monotonic() - self._noted_at >= SECONDS_BETWEEN_NOTES:
            return True
        return (before.breaker, before.outages) != (snapshot.breaker, snapshot.outages)

    def _note(self, snapshot: ScrapeProgress, *, scraping: bool) -> None:
        failed_before = self._noted.failed_requests if self._noted else 0
        seen = Sighting(
            host=self._host,
            breaker=snapshot.breaker.value,
            # Named only when it is new: its time is that of the note.
            trouble=str(snapshot.last_cause) if snapshot.failed_requests > failed_before else None,
            outages=snapshot.outages,
            at_once=snapshot.at_once,
            most_at_once=snapshot.most_at_once,
            expected=snapshot.expected,
            requests=snapshot.requests,
            found=snapshot.found,
            not_found=snapshot.not_found,
            no_change=snapshot.no_change,
            failed=snapshot.failed,
            retries=snapshot.retries,
            received=snapshot.received,
            per_second=snapshot.per_second,
        )
        self._noted, self._noted_at = snapshot, time.monotonic()
        if self._work.connection.closed:
            return  # said once already
        try:
            note(self._work.connection, self._work.record.number, seen, scraping=scraping)
        except psycopg.Error as error:
            # The lake has the pages; whether the database is back is the next stage's concern.
            log.warning("How the scrape goes can't be noted: %s", first_line(error))
