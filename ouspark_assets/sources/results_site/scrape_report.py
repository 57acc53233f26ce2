"""A scrape in numbers: while it runs, and when it has ended.

Numbers only, never a ticket. Where they are shown is `cli/` and `assets/`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ouspark_assets.sources.results_site.breaker import State
from ouspark_assets.sources.results_site.fetcher import TicketFetcher
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.tally import FetchCounts


@dataclass(frozen=True, slots=True)
class ScrapeProgress:
    """How far a scrape is; `expected` grows as classes turn out longer."""

    release: str
    found: int
    not_found: int
    no_change: int
    failed: int
    requests: int
    per_second: float
    expected: int
    at_once: int
    most_at_once: int
    breaker: State
    outages: int
    troubles: int
    last_trouble: str | None
    retries: int
    received: int

    @property
    def site_is_down(self) -> bool:
        """Whether nothing but trials is asked."""
        return self.breaker is not State.CLOSED


@dataclass(frozen=True, slots=True)
class ScrapeReport:
    """What a scrape did, in numbers."""

    release: str
    requests: int
    found: int
    not_found: int
    no_change: int
    failed_by_cause: dict[str, int]
    troubles_by_cause: dict[str, int]
    retries: int
    seconds: float
    bytes_received: int
    seconds_waited_for_site: float
    already_archived: int
    planned: int
    parts: int
    complete: bool
    gave_up: str | None
    # What whoever watches should know although nothing failed.
    notice: str | None = None

    @property
    def failed(self) -> int:
        """Tickets that stay without an answer."""
        return sum(self.failed_by_cause.values())


ShowProgress = Callable[[ScrapeProgress], None]


def shown(
    release: str, progress: ShowProgress | None, started: float
) -> Callable[[TicketFetcher], None] | None:
    """A watcher of the fetching that shows its progress; None when no one looks."""
    if progress is None:
        return None

    def show(fetching: TicketFetcher) -> None:
        tally = fetching.tally
        seconds = time.perf_counter() - started
        progress(
            ScrapeProgress(
                release=release,
                found=tally.outcomes[Outcome.FOUND],
                not_found=tally.outcomes[Outcome.NOT_FOUND],
                no_change=tally.outcomes[Outcome.NO_CHANGE],
                failed=tally.outcomes[Outcome.FAILED],
                requests=tally.requests,
                per_second=tally.requests / seconds if seconds else 0.0,
                expected=fetching.expected,
                at_once=fetching.limit.now,
                most_at_once=fetching.limit.most,
                breaker=fetching.breaker.state,
                outages=fetching.breaker.opened,
                troubles=tally.troubles.total(),
                last_trouble=tally.last_trouble,
                retries=tally.retries,
                received=tally.received,
            )
        )

    return show


def report_of(
    release: str,
    tally: FetchCounts,
    *,
    planned: int,
    parts: int,
    seconds: float,
    already_archived: int,
    complete: bool,
    notice: str | None,
) -> ScrapeReport:
    """The report of a scrape that has ended."""
    return ScrapeReport(
        release=release,
        requests=tally.requests,
        found=tally.outcomes[Outcome.FOUND],
        not_found=tally.outcomes[Outcome.NOT_FOUND],
        no_change=tally.outcomes[Outcome.NO_CHANGE],
        failed_by_cause=dict(tally.causes),
        troubles_by_cause=dict(tally.troubles),
        retries=tally.retries,
        seconds=seconds,
        bytes_received=tally.received,
        seconds_waited_for_site=tally.waited_for_site,
        already_archived=already_archived,
        planned=planned,
        parts=parts,
        complete=complete,
        gave_up=tally.gave_up,
        notice=notice,
    )
