"""Fetch the tickets of a plan: one dispatcher decides what to request, tasks send the requests.

`ticket_plan.py` says which tickets there are, `retry_policy.py` how fast to ask and when to ask
again, `outcomes.py` what an answer means, `confirmation.py` which answers without a result count.
Answers go to the plan and to the part writer.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.pages.sentences import hide_tickets
from ouspark_assets.sources.results_site.archive import ArchivedAnswer
from ouspark_assets.sources.results_site.confirmation import Confirmation, share_without_result
from ouspark_assets.sources.results_site.outcomes import (
    Cause,
    Outcome,
    ReleaseSentences,
    SentenceRule,
    Verdict,
    judge_answer,
)
from ouspark_assets.sources.results_site.part_writer import PartWriter
from ouspark_assets.sources.results_site.retry_policy import (
    REQUESTS_UNTIL_PAGE_IS_GONE,
    TICKET_BACKOFF,
    AdaptiveLimit,
    CircuitBreaker,
    RetryBudget,
    TokenBucket,
    is_overload,
)
from ouspark_assets.sources.results_site.retry_queue import RetryQueue, RetryState
from ouspark_assets.sources.results_site.scrape_report import FetchCounts
from ouspark_assets.sources.results_site.site_client import Answer, TicketClient
from ouspark_assets.sources.results_site.ticket_plan import TicketPlan

HTTP_NOT_FOUND, HTTP_TOO_MANY_REQUESTS, HTTP_UNAVAILABLE = 404, 429, 503
PROGRESS_INTERVAL = 0.3
MAX_NAP = 1.0
MIN_NAP = 0.02

log = logging.getLogger(__name__)


class ResultsPageGoneError(SiteError):
    """The site has no such results page: its first answers are all 404 or redirects."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class TicketFetcher:
    """One pass over a plan: every ticket is requested, judged, recorded and archived."""

    def __init__(
        self,
        plan: TicketPlan,
        client: TicketClient,
        writer: PartWriter,
        budget: RetryBudget,
        *,
        concurrency: int,
        rate: float | None = None,
        answered: Mapping[str, Outcome] | None = None,
        rules: Sequence[SentenceRule] = (),
        random: Random | None = None,
        progress: Callable[["TicketFetcher"], None] | None = None,
    ) -> None:
        """Prepare to fetch; `answered` are archived outcomes, whose tickets are not requested.

        `rules` say what the sentences of pages without a result mean.
        """
        self.plan, self._client, self._writer, self._budget = plan, client, writer, budget
        self._random = random or Random()  # noqa: S311
        self.counts = FetchCounts()
        self.limit = AdaptiveLimit(concurrency)
        self.breaker = CircuitBreaker(self._random)
        self._bucket = TokenBucket(rate, refilled_at=time.monotonic())
        self._retries = RetryQueue(self._random)
        self._answered = dict(answered or {})
        self._progress = progress
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._paused_until = 0.0
        # A ticket that the site has answered before, preferably found: if it fails now, the site
        # is down.
        found = (ticket for ticket, seen in self._answered.items() if seen is Outcome.FOUND)
        self._canary = next(found, None) or next(iter(self._answered), None)
        self._sentences = ReleaseSentences(rules)
        self.confirmation = Confirmation(self._sentences)
        # The outcomes of all tickets of the release, those of this run as far as they are known.
        self._outcomes = dict(self._answered)
        # Tickets to request again although they have an answer.
        self._again: deque[str] = deque()
        # The ticket known as found, while its answer is awaited, and that answer.
        self._known: str | None = None
        self._known_outcome: Outcome | None = None
        self._has_answered = False
        self._fatal: BaseException | None = None
        self._progress_shown_at = 0.0
        self._skipped = 0
        writer.on_written = self._changed.set

    async def run(self) -> FetchCounts:
        """Request every ticket of the plan; whatever happens, all answers received are written."""
        try:
            await self._dispatch()
            if self.confirmation and self.counts.gave_up is None:
                await self._confirm()
        finally:
            await self._stop()
        return self.counts

    @property
    def expected(self) -> int:
        """Tickets that the plan holds so far, without those that were archived before."""
        return self.plan.planned - self._skipped

    async def _confirm(self) -> None:
        """Request the tickets without a result once more, between requests for a known ticket."""
        cause = Cause.NO_KNOWN_TICKET
        if known := self._choose_known():
            cause = Cause.UNCONFIRMED
            is_found = await self._ask_known(known)
            while is_found and (batch := self.confirmation.take_batch()):
                self._again.extend(batch)
                await self._dispatch()
                is_found = await self._ask_known(known)
                if is_found:
                    self._archive_all(self.confirmation.close_batch())
        self.counts.share_without_result = share_without_result(self._outcomes)
        self._archive_all(self.confirmation.settle(self._outcomes, cause))

    def _choose_known(self) -> str | None:
        """Return a ticket known as found, preferably one of this run; None if there is none.

        It is chosen at random, so that a student whose result was withdrawn since does not make
        every further run fail.
        """
        found = [ticket for ticket, seen in self._outcomes.items() if seen is Outcome.FOUND]
        recent = [ticket for ticket in found if ticket not in self._answered]
        return self._random.choice(recent or found) if found else None

    async def _ask_known(self, known: str) -> bool:
        """Request a ticket that is known as found, and return whether it still is."""
        if self.counts.gave_up is not None:
            return False
        self._known, self._known_outcome = known, None
        self._again.append(known)
        await self._dispatch()
        # It is still there if the site went down for good.
        self._retries.record_success(known)
        self._known = None
        return self._known_outcome is Outcome.FOUND

    # Dispatching

    async def _dispatch(self) -> None:
        while self._fatal is None and self.counts.gave_up is None:
            self._changed.clear()
            now = time.monotonic()
            self._show_progress(now)
            self._writer.flush_if_due()
            nap = self._seconds_blocked(now)
            if nap == 0:
                ticket = self._next_ticket(now)
                if ticket is not None:
                    wait = self._bucket.reserve(time.monotonic())
                    if wait > 0:
                        await asyncio.sleep(wait)
                    self._start(self._request(ticket))
                    continue
                nap = self._retries.seconds_to_due(now)
                if nap is None and not self._tasks:
                    return
            await self._nap(nap)
        if self._fatal is not None:
            raise self._fatal

    def _seconds_blocked(self, now: float) -> float | None:
        """Return the seconds until a request may be sent: 0 now, None when a change decides."""
        if self._writer.error is not None:
            self._fatal = self._writer.error
        if self.breaker.is_open:
            return self._attempt_trial(now)
        if now < self._paused_until:
            return self._paused_until - now
        if len(self._tasks) >= self.limit.current or self._writer.is_behind:
            return None
        return 0

    def _attempt_trial(self, now: float) -> float | None:
        """Give up a long outage, else start a trial that is due; return the seconds to wait."""
        outage = self.breaker.outage_seconds(now)
        if outage > self._budget.max_outage_seconds:
            self.counts.gave_up = (
                f"the site was down for {outage:.0f} s without a break; the tickets that are left"
                " count as failed and the next run requests them first"
            )
        elif self.breaker.is_trial_due(now):
            ticket = self._canary or self._retries.pop_first() or self._next_ticket(now)
            if ticket is not None:
                self.breaker.start_trial()
                self._start(self._request_trial(ticket))
        nap = self.breaker.seconds_to_trial(now)
        return None if nap is None else max(nap, MIN_NAP)

    def _next_ticket(self, now: float) -> str | None:
        """Return a ticket whose backoff is over, else the plan's next, else a deferred one."""
        if (due := self._retries.pop_due(now)) is not None:
            return due
        if self._again:
            return self._again.popleft()
        while tickets := self.plan.next_tickets(1):
            outcome = self._answered.get(tickets[0])
            if outcome is None:
                return tickets[0]
            self._skipped += 1
            self.plan.record(tickets[0], outcome)
        if self._tasks or self._retries.seconds_to_due(now) is not None:
            return None
        return self._retries.start_final_round(now)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fatal = self._fatal or error

    async def _nap(self, seconds: float | None) -> None:
        """Wait until something changes, at most the given seconds."""
        if seconds is None:
            await self._changed.wait()
            return
        try:
            async with asyncio.timeout(min(MAX_NAP, seconds)):
                await self._changed.wait()
        except TimeoutError:
            return

    # Requests and their outcomes

    async def _request(self, ticket: str) -> None:
        answer = await self._client.fetch(ticket)
        verdict = self._judge(ticket, answer)
        if verdict.outcome is Outcome.FAILED:
            self._record_failure(ticket, answer, verdict)
        else:
            self._record_answer(ticket, answer, verdict)

    async def _request_trial(self, ticket: str) -> None:
        """Send a trial request; the answer for a canary is archived already and is discarded."""
        answer = await self._client.fetch(ticket)
        verdict = self._judge(ticket, answer)
        now = time.monotonic()
        if verdict.outcome is not Outcome.FAILED:
            if ticket == self._canary:
                self._record_site_up(now)
            else:
                self._record_answer(ticket, answer, verdict)
            return
        self.breaker.record_trial_failure(now)
        if ticket == self._canary:
            self._retries.refund_charges()
        else:
            self._record_trial_failure(now, ticket, answer, verdict)

    def _judge(self, ticket: str, answer: Answer) -> Verdict:
        self.counts.requests += 1
        self.counts.received += len(answer.body)
        if answer.cause is not None or answer.status is None:
            verdict = Verdict.failed(answer.cause or Cause.CONNECTION)
        else:
            verdict = judge_answer(answer.body, ticket, answer.status, self._sentences)
        if verdict.cause is None:
            if verdict.outcome is not Outcome.NO_RESULT:
                self._sentences.add_ordinary_page(answer.body)
            return verdict
        causes, requests = self.counts.failed_requests, self.counts.requests
        causes[verdict.cause] += 1
        self.counts.last_cause = verdict.cause
        is_gone = answer.status == HTTP_NOT_FOUND or answer.cause == Cause.REDIRECT
        if (
            is_gone
            and not self._has_answered
            and requests >= REQUESTS_UNTIL_PAGE_IS_GONE
            and causes["http_404"] + causes[Cause.REDIRECT.value] == requests
        ):
            raise ResultsPageGoneError(answer.status)
        return verdict

    def _record_answer(self, ticket: str, answer: Answer, verdict: Verdict) -> None:
        self._record_site_up(time.monotonic())
        self._has_answered = True
        now, attempts = datetime.now(UTC), self._retries.record_success(ticket) + 1
        if ticket == self._known:
            self._known_outcome = verdict.outcome
            return
        archived = ArchivedAnswer(
            ticket,
            verdict.outcome,
            answer.status,
            now,
            attempts,
            answer.elapsed_ms,
            answer.body,
            fictitious=answer.fictitious,
        )
        if verdict.outcome is Outcome.NO_RESULT:
            self.confirmation.record(archived, verdict.lines)
            self._record_outcome(ticket, verdict.outcome)
        else:
            self._canary = ticket
            self._archive(archived)

    def _record_site_up(self, now: float) -> None:
        if self.breaker.is_open:
            self.limit.restart_after_outage()
        self.limit.record_success()
        self.breaker.record_success(now)
        self._retries.confirm_charges()

    def _record_failure(self, ticket: str, answer: Answer, verdict: Verdict) -> None:
        now = time.monotonic()
        state = self._retries.record_failure(ticket, verdict, answer)
        if is_overload(verdict.cause):
            self.limit.record_failure()
        asks_for_less = answer.status in (HTTP_TOO_MANY_REQUESTS, HTTP_UNAVAILABLE)
        if answer.retry_after is not None or asks_for_less:
            self._pause(now, answer.retry_after)
        if answer.status != HTTP_TOO_MANY_REQUESTS:
            self._retries.charge(ticket)
        if self.breaker.record_failure(now):
            log.warning(
                "The results site is down (%s). One request at a time is sent until it answers.",
                verdict.cause,
            )
        budget, is_final = self._budget, state.is_in_final_round
        if state.charged < (budget.total_attempts if is_final else budget.max_attempts):
            self._retry_later(ticket, now)
        elif is_final:
            self._give_up(ticket, self._retries.remove(ticket), answer.elapsed_ms)
        else:
            self._retries.defer(ticket)

    def _record_trial_failure(
        self, now: float, ticket: str, answer: Answer, verdict: Verdict
    ) -> None:
        """Charge a failed trial to the ticket only if it may be at fault rather than the site.

        Without a canary it is not known whether the site is down. If only a few tickets are left,
        they may be at fault, and are given up when their budget is spent.
        """
        state = self._retries.record_failure(ticket, verdict, answer)
        if self.plan.waiting == 0 and self._retries.holds_few_tickets:
            state.charged += 1
        else:
            self._retries.refund_charges()
        if state.charged >= self._budget.total_attempts:
            self._give_up(ticket, self._retries.remove(ticket), answer.elapsed_ms)
        else:
            self._retry_later(ticket, now)

    def _pause(self, now: float, retry_after: float | None) -> None:
        """Stop all requests for as long as the site asks."""
        if now >= self._paused_until:
            self.limit.record_refusal()
        if retry_after is None:
            retry_after = TICKET_BACKOFF.seconds(2, self._random)
        until = now + retry_after
        if until > self._paused_until:
            self.counts.seconds_waited_for_site += until - max(now, self._paused_until)
            self._paused_until = until

    def _retry_later(self, ticket: str, now: float) -> None:
        self.counts.retries += 1
        self._retries.schedule(ticket, now)

    def _give_up(self, ticket: str, state: RetryState, elapsed_ms: int) -> None:
        if ticket == self._known:
            # Its page is archived already, and a failure to repeat that says nothing about it.
            self._known_outcome = Outcome.FAILED
        else:
            self._archive(state.failed_answer(ticket, elapsed_ms))

    def _archive(self, answer: ArchivedAnswer) -> None:
        ticket, outcome = answer.hall_ticket, answer.outcome
        self.counts.outcomes[outcome] += 1
        if outcome is Outcome.FAILED:
            self.counts.failed_tickets[answer.cause or "unknown"] += 1
        elif outcome is Outcome.NO_RESULT:
            self.counts.sentences[hide_tickets(answer.cause or "")] += 1
        self._writer.add(answer)
        self.confirmation.discard(ticket)
        self._record_outcome(ticket, outcome)

    def _archive_all(self, answers: Iterable[ArchivedAnswer]) -> None:
        for answer in answers:
            self._archive(answer)

    def _record_outcome(self, ticket: str, outcome: Outcome) -> None:
        self._outcomes[ticket] = outcome
        self.plan.record(ticket, outcome)

    # Shutdown

    async def _stop(self) -> None:
        """Cancel open requests and write every answer that was received."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._fatal is None:
            for ticket, state in self._retries.remove_all():
                self._give_up(ticket, state, 0)
            self._archive_all(self.confirmation.abandon())
        now = time.monotonic()
        outages = self.breaker.past_outage_seconds + self.breaker.outage_seconds(now)
        self.counts.seconds_waited_for_site += outages
        self._show_progress(now, is_last=True)
        await self._writer.close()

    def _show_progress(self, now: float, *, is_last: bool = False) -> None:
        is_due = is_last or now - self._progress_shown_at >= PROGRESS_INTERVAL
        if self._progress is not None and is_due:
            self._progress_shown_at = now
            self._progress(self)
