"""Scrape one release: plan its tickets, fetch them, archive the answers, judge completeness.

This module ties the others of this package together and reports in numbers. It decides nothing
about single tickets.
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.confirmation import explain_rejected
from ouspark_assets.sources.results_site.fetcher import (
    HTTP_NOT_FOUND,
    ResultsPageGoneError,
    TicketFetcher,
)
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.part_writer import PartWriter
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.retry_policy import RetryBudget
from ouspark_assets.sources.results_site.scrape_report import (
    FetchCounts,
    ScrapeProgress,
    ScrapeReport,
    ShowProgress,
)
from ouspark_assets.sources.results_site.scrape_request import (
    ScrapeRequest,
    explain_skipped_recheck,
    find_searched_cohorts,
    is_complete,
    is_recheckable,
    mark_complete,
)
from ouspark_assets.sources.results_site.sentence_rules import read_sentence_rules
from ouspark_assets.sources.results_site.site_client import SiteClient, request_rate
from ouspark_assets.sources.results_site.ticket_plan import (
    KnownTicket,
    SearchScope,
    TicketPlan,
    explain_empty_plan,
)

# A release with this many parts is compacted after a scrape.
MIN_PARTS_TO_COMPACT = 12
CONCLUSIVE = tuple(outcome for outcome in Outcome if outcome is not Outcome.FAILED)

log = logging.getLogger(__name__)


def run_scrape(
    settings: SiteSettings,
    request: ScrapeRequest,
    archive: PageArchive,
    scope: SearchScope,
    *,
    progress: ShowProgress | None = None,
    random: Random | None = None,
) -> ScrapeReport:
    """Scrape one release; on return and on failure, all answers received are in the lake."""

    async def scrape_until_terminated() -> ScrapeReport:
        with _cancelled_by_sigterm():
            return await scrape(settings, request, archive, scope, progress=progress, random=random)

    try:
        return asyncio.run(scrape_until_terminated())
    except asyncio.CancelledError as error:
        raise SystemExit(128 + signal.SIGTERM) from error


@contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """Cancel the task on SIGTERM, so that it writes its answers, unless SIGTERM has a handler."""
    is_unhandled = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    task = asyncio.current_task()
    if not is_unhandled or task is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def scrape(
    settings: SiteSettings,
    request: ScrapeRequest,
    archive: PageArchive,
    scope: SearchScope,
    *,
    progress: ShowProgress | None = None,
    random: Random | None = None,
) -> ScrapeReport:
    """Request what is missing of a release, write every answer to the lake, and report."""
    facts = request.facts
    started = time.perf_counter()
    plan, answered = plan_scrape(request, archive, scope)
    writer = PartWriter(archive, facts.key)
    async with SiteClient(settings, facts.url) as client:
        fetcher = TicketFetcher(
            plan,
            client,
            writer,
            RetryBudget.from_settings(settings),
            concurrency=settings.site_concurrency,
            rate=request_rate(settings, facts.url),
            answered=answered,
            rules=read_sentence_rules(settings.site_sentences),
            random=random,
            progress=_report_progress(facts.key, progress, started),
        )
        try:
            counts = await fetcher.run()
        except ResultsPageGoneError as error:
            raise _page_gone(facts, error) from error
    complete = _finish(request, archive, scope, plan, counts)
    notice = (
        explain_empty_plan(plan)
        or explain_rejected(
            counts.failed_tickets, fetcher.confirmation.rejected, counts.share_without_result
        )
        or explain_skipped_recheck(request)
    )
    if notice is not None:
        log.warning("Release %s: %s", facts.key, notice)
    return ScrapeReport(
        release=facts.key,
        requests=counts.requests,
        found=counts.outcomes[Outcome.FOUND],
        not_found=counts.outcomes[Outcome.NOT_FOUND],
        no_change=counts.outcomes[Outcome.NO_CHANGE],
        failed_by_cause=dict(counts.failed_tickets),
        failed_requests_by_cause=dict(counts.failed_requests),
        retries=counts.retries,
        seconds=time.perf_counter() - started,
        bytes_received=counts.received,
        seconds_waited_for_site=counts.seconds_waited_for_site,
        already_archived=len(answered),
        planned=plan.planned,
        parts=writer.parts,
        complete=complete,
        gave_up=counts.gave_up,
        notice=notice,
        sentences=dict(counts.sentences.most_common()),
    )


def plan_scrape(
    request: ScrapeRequest, archive: PageArchive, scope: SearchScope
) -> tuple[TicketPlan, dict[str, Outcome]]:
    """Return the plan of a release, and the archived outcomes that are not requested again."""
    archived = archive.answers(request.facts.key)
    outcomes = {
        ticket: Outcome(outcome)
        for ticket, outcome in archived.select("hall_ticket", "outcome").iter_rows()
    }
    kept = _still_valid(request, outcomes)
    again = [ticket for ticket in outcomes if ticket not in kept]
    # Failed tickets come before those that are only rechecked.
    again.sort(key=lambda ticket: outcomes[ticket] is not Outcome.FAILED)
    if request.tickets is not None:
        plan = TicketPlan.of_tickets(request.facts, request.tickets, archive.forgotten)
    else:
        known = archive.known_tickets(request.order).select("hall_ticket", "settled", "releases")
        plan = TicketPlan(
            request.facts,
            request.narrow(scope),
            [
                KnownTicket(ticket, settled, tuple(releases))
                for ticket, settled, releases in known.iter_rows()
            ],
            failed_before=again,
            searched_before=find_searched_cohorts(request, archive, scope),
            forgotten=archive.forgotten,
        )
    # If nobody was found before, the page was not filled yet and every answer may have changed.
    is_unfilled = plan.discovers and Outcome.FOUND not in outcomes.values()
    return plan, {} if request.refetch or is_unfilled else kept


def _still_valid(request: ScrapeRequest, outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """Return the archived outcomes that are not requested again."""
    kept = set(CONCLUSIVE)
    pending: Collection[str] = ()
    if request.recheck and is_recheckable(request.facts, datetime.now(UTC).date()):
        kept, pending = {Outcome.FOUND}, request.pending
    return {
        ticket: outcome
        for ticket, outcome in outcomes.items()
        if outcome in kept and ticket not in pending
    }


def _report_progress(
    release: str, progress: ShowProgress | None, started: float
) -> Callable[[TicketFetcher], None] | None:
    """Return a callback that shows the progress of a fetcher; None if nothing shows it."""
    if progress is None:
        return None

    def report(fetcher: TicketFetcher) -> None:
        counts = fetcher.counts
        seconds = time.perf_counter() - started
        progress(
            ScrapeProgress(
                release=release,
                found=counts.outcomes[Outcome.FOUND],
                not_found=counts.outcomes[Outcome.NOT_FOUND],
                no_change=counts.outcomes[Outcome.NO_CHANGE],
                failed=counts.outcomes[Outcome.FAILED],
                requests=counts.requests,
                per_second=counts.requests / seconds if seconds else 0.0,
                expected=fetcher.expected,
                at_once=fetcher.limit.current,
                most_at_once=fetcher.limit.maximum,
                breaker=fetcher.breaker.state,
                outages=fetcher.breaker.times_opened,
                failed_requests=counts.failed_requests.total(),
                last_cause=counts.last_cause,
                retries=counts.retries,
                received=counts.received,
                no_result=counts.outcomes[Outcome.NO_RESULT] + len(fetcher.confirmation),
            )
        )

    return report


def _finish(
    request: ScrapeRequest,
    archive: PageArchive,
    scope: SearchScope,
    plan: TicketPlan,
    counts: FetchCounts,
) -> bool:
    """Compact the parts of a release, update its marker, and return whether it is complete."""
    release = request.facts.key
    if len(archive.parts(release)) >= MIN_PARTS_TO_COMPACT:
        archive.compact(release)
    if request.tickets is not None:
        return is_complete(request, archive, scope)
    complete = counts.gave_up is None and not counts.outcomes[Outcome.FAILED]
    if complete and plan.discovers:
        # A page on which nobody is found is not filled yet, and is requested again.
        outcomes = archive.answers(release)["outcome"]
        complete = bool((outcomes == Outcome.FOUND.value).any())
    if complete:
        mark_complete(request, archive, scope, plan)
    else:
        archive.delete_marker(release)
    return complete


def _page_gone(facts: ReleaseFacts, error: ResultsPageGoneError) -> SiteError:
    if error.status == HTTP_NOT_FOUND:
        return SiteError(
            f"Release {facts.key}: the site has no page {facts.url} (HTTP 404). It is not"
            " published yet, or it was taken down. Archived answers are kept."
        )
    return SiteError(
        f"Release {facts.key}: {facts.url} redirects elsewhere (HTTP {error.status}), which is not"
        " followed. Check OUSPARK_SITE_URL (https or http, with or without www)."
    )
