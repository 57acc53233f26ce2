"""One release, from plan to lake: what is asked, what came of it, and whether it is complete.

Ties the other modules of this room together and reports in numbers. It decides nothing about
single tickets.
"""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.completion import (
    is_complete,
    mark_complete,
    searched_before,
)
from ouspark_assets.sources.results_site.fetcher import TicketFetcher
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.part_writer import PartWriter
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.scrape_report import (
    ScrapeProgress,
    ScrapeReport,
    ShowProgress,
    report_of,
    shown,
)
from ouspark_assets.sources.results_site.scrape_request import (
    KnownCodes,
    ScrapeRequest,
    build_scope,
    explain_skipped_recheck,
    is_recheckable,
)
from ouspark_assets.sources.results_site.site_client import SiteClient, request_rate
from ouspark_assets.sources.results_site.tally import FetchCounts, ResultsPageGoneError, RetryPolicy
from ouspark_assets.sources.results_site.ticket_plan import (
    KnownTicket,
    TicketPlan,
    explain_empty_plan,
)

__all__ = [
    "KnownCodes",
    "ScrapeProgress",
    "ScrapeReport",
    "ScrapeRequest",
    "ShowProgress",
    "is_complete",
    "plan_scrape",
    "run_scrape",
    "scrape",
]

HTTP_NOT_FOUND = 404
PARTS_WORTH_COMPACTING = 12
CONCLUSIVE = (Outcome.FOUND, Outcome.NOT_FOUND, Outcome.NO_CHANGE)

log = logging.getLogger(__name__)


def run_scrape(
    settings: SiteSettings,
    request: ScrapeRequest,
    archive: PageArchive,
    codes: KnownCodes,
    *,
    progress: ShowProgress | None = None,
    random: Random | None = None,
) -> ScrapeReport:
    """Scrape one release; returns, or fails, when everything in hand is in the lake."""

    async def until_terminated() -> ScrapeReport:
        with _cancelled_by_sigterm():
            return await scrape(settings, request, archive, codes, progress=progress, random=random)

    try:
        return asyncio.run(until_terminated())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None


@contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """Let a polite end of the process write what is in hand, unless someone else sees to it."""
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    task = asyncio.current_task()
    if not ours or task is None:
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
    codes: KnownCodes,
    *,
    progress: ShowProgress | None = None,
    random: Random | None = None,
) -> ScrapeReport:
    """Ask the site what is missing of a release, and write every answer to the lake."""
    facts = request.facts
    started = time.perf_counter()
    plan, answered = plan_scrape(settings, request, archive, codes)
    writer = PartWriter(archive, facts.key)
    async with SiteClient(settings, facts.url) as client:
        fetching = TicketFetcher(
            plan,
            client,
            writer,
            RetryPolicy(settings.site_retries, settings.site_patience),
            concurrency=settings.site_concurrency,
            rate=request_rate(settings, facts.url),
            answered=answered,
            random=random,
            progress=shown(facts.key, progress, started),
        )
        try:
            tally = await fetching.run()
        except ResultsPageGoneError as error:
            raise _gone(facts, error) from None
    complete = _close(settings, request, archive, codes, plan=plan, tally=tally)
    notice = explain_empty_plan(plan, facts) or explain_skipped_recheck(request)
    if notice is not None:
        log.warning(notice)
    return report_of(
        facts.key,
        tally,
        planned=plan.planned,
        parts=writer.parts,
        seconds=time.perf_counter() - started,
        already_archived=len(answered),
        complete=complete,
        notice=notice,
    )


def plan_scrape(
    settings: SiteSettings, request: ScrapeRequest, archive: PageArchive, codes: KnownCodes
) -> tuple[TicketPlan, dict[str, Outcome]]:
    """The plan of a release, and what is archived of it already and need not be asked."""
    archived = archive.answers(request.facts.key)
    outcomes = {
        ticket: Outcome(outcome)
        for ticket, outcome in archived.select("hall_ticket", "outcome").iter_rows()
    }
    kept = _still_good(request, outcomes)
    again = [ticket for ticket in outcomes if ticket not in kept]
    # What failed comes before what is only looked at once more.
    again.sort(key=lambda ticket: outcomes[ticket] is not Outcome.FAILED)
    if request.tickets is not None:
        plan = TicketPlan.of_tickets(request.facts, request.tickets, archive.forgotten)
    else:
        plan = TicketPlan(
            request.facts,
            build_scope(settings, codes, discover=request.discover),
            known_tickets(archive, request.order),
            failed_before=again,
            searched_before=searched_before(settings, archive, codes, request),
            forgotten=archive.forgotten,
        )
    nothing_counts = request.refetch or (plan.discovers and Outcome.FOUND not in outcomes.values())
    return plan, {} if nothing_counts else kept


def known_tickets(archive: PageArchive, order: Sequence[str]) -> list[KnownTicket]:
    """What the lake knows of students, from all releases."""
    frame = archive.known_tickets(order).select("hall_ticket", "settled", "releases")
    return [
        KnownTicket(ticket, settled, tuple(releases))
        for ticket, settled, releases in frame.iter_rows()
    ]


def _still_good(request: ScrapeRequest, outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """What is archived and not asked again."""
    kept = set(CONCLUSIVE)
    pending: Collection[str] = ()
    if request.recheck and is_recheckable(request.facts, datetime.now(UTC).date()):
        kept, pending = {Outcome.FOUND}, request.pending
    return {
        ticket: outcome
        for ticket, outcome in outcomes.items()
        if outcome in kept and ticket not in pending
    }


def _close(
    settings: SiteSettings,
    request: ScrapeRequest,
    archive: PageArchive,
    codes: KnownCodes,
    *,
    plan: TicketPlan,
    tally: FetchCounts,
) -> bool:
    """Tidy the lake, and note whether the release is complete."""
    release = request.facts.key
    if len(archive.parts(release)) >= PARTS_WORTH_COMPACTING:
        archive.compact(release)
    if request.tickets is not None:
        return is_complete(settings, request, archive, codes)
    complete = tally.gave_up is None and not tally.outcomes[Outcome.FAILED]
    # A page on which no one is found has not been filled yet: it is looked at again.
    if plan.discovers and not _found_any(archive, release):
        complete = False
    if complete:
        mark_complete(settings, request, archive, codes, plan)
    else:
        archive.unmark(release)
    return complete


def _found_any(archive: PageArchive, release: str) -> bool:
    return bool((archive.answers(release)["outcome"] == Outcome.FOUND.value).any())


def _gone(facts: ReleaseFacts, error: ResultsPageGoneError) -> SiteError:
    if error.status == HTTP_NOT_FOUND:
        return SiteError(
            f"release {facts.key}: the site has no page {facts.url} (HTTP 404): it is not"
            " published yet, or was taken down; what is archived stays"
        )
    return SiteError(
        f"release {facts.key}: {facts.url} redirects elsewhere (HTTP {error.status}), which is not"
        " followed: check OUSPARK_SITE_URL (https or http, with or without www)"
    )
