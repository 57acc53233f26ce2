"""TicketFetcher a plan's tickets politely: how many at once, when again, when to stop and wait.

One dispatcher decides, tasks only ask. Outcomes go to the plan and the part writer. Which tickets
there are is `plan.py`, what a reply means `judging.py`, which tickets wait `troubles.py`, the rules
of waiting `throttle.py` and `breaker.py`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from random import Random

from ouspark_assets.sources.results_site.breaker import CircuitBreaker
from ouspark_assets.sources.results_site.outcomes import (
    Cause,
    Outcome,
    Verdict,
    judge_answer,
)
from ouspark_assets.sources.results_site.part_writer import PartWriter
from ouspark_assets.sources.results_site.parts import ArchivedAnswer
from ouspark_assets.sources.results_site.retry_policy import AdaptiveLimit, Backoff, TokenBucket
from ouspark_assets.sources.results_site.retry_queue import RetryQueue, RetryState
from ouspark_assets.sources.results_site.site_client import Answer, TicketClient
from ouspark_assets.sources.results_site.tally import (
    FetchCounts,
    ResultsPageGoneError,
    RetryPolicy,
    is_overload,
    one_answered,
)
from ouspark_assets.sources.results_site.ticket_plan import TicketPlan

NOT_FOUND, TOO_MANY, UNAVAILABLE = 404, 429, 503
# With nothing but this many of these answers the page is not there: no ticket can be asked.
PAGE_IS_GONE = 5
PROGRESS_SECONDS = 0.3
LONGEST_NAP = 1.0
SHORTEST_NAP = 0.02

log = logging.getLogger(__name__)


class TicketFetcher:
    """One pass over a plan: everything asked, judged, handed on."""

    def __init__(
        self,
        plan: TicketPlan,
        client: TicketClient,
        writer: PartWriter,
        patience: RetryPolicy,
        *,
        concurrency: int,
        rate: float | None = None,
        answered: Mapping[str, Outcome] | None = None,
        random: Random | None = None,
        progress: Callable[["TicketFetcher"], None] | None = None,
    ) -> None:
        """Prepare to fetch; nothing is asked before `run`."""
        chance = random or Random()  # noqa: S311
        self.plan, self._client, self._writer, self._patience = plan, client, writer, patience
        self.tally = FetchCounts()
        self.limit = AdaptiveLimit(concurrency)
        self.breaker = CircuitBreaker(chance)
        self._bucket = TokenBucket(rate, refilled_at=time.monotonic())
        self._backoff = Backoff(chance)
        self._answered = dict(answered or {})
        self._progress = progress
        self._troubles = RetryQueue(patience, self._backoff)
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._paused_until = 0.0
        # A ticket that was answered before tells whether the site is down or only some tickets.
        self._canary = one_answered(self._answered)
        self._heard = False
        self._fatal: BaseException | None = None
        self._shown_at = 0.0
        self._skipped = 0
        writer.on_written = self._changed.set

    async def run(self) -> FetchCounts:
        """Ask everything the plan gives; whatever happens, what is in hand is written."""
        try:
            await self._dispatch()
        finally:
            await self._stop()
        return self.tally

    @property
    def expected(self) -> int:
        """Tickets that the plan has by now, without those that were archived before."""
        return self.plan.planned - self._skipped

    async def _dispatch(self) -> None:
        while self._fatal is None and self.tally.gave_up is None:
            self._changed.clear()
            now = time.monotonic()
            self._show(now)
            self._writer.tick()
            nap = self._blocked_for(now)
            if nap == 0:
                ticket = self._next(now)
                if ticket is not None:
                    await self._launch(ticket)
                    continue
                nap = self._troubles.seconds_to_due(now)
                if nap is None and not self._tasks:
                    return
            await self._nap(nap)
        if self._fatal is not None:
            raise self._fatal

    def _blocked_for(self, now: float) -> float | None:
        """Seconds until something may be asked: 0 for now, None until something changes."""
        if self._writer.error is not None:
            self._fatal = self._writer.error
        if self.breaker.is_open:
            return self._try_again(now)
        if now < self._paused_until:
            return self._paused_until - now
        if len(self._tasks) >= self.limit.now or self._writer.is_behind:
            return None
        return 0

    def _try_again(self, now: float) -> float | None:
        """While the site is down: give up after long enough, else one trial when it is due."""
        if self.breaker.open_for(now) > self._patience.seconds:
            self.tally.gave_up = (
                f"the site was down for {self.breaker.open_for(now):.0f} s without a break"
            )
        elif self.breaker.is_due(now) and (ticket := self._for_trial(now)) is not None:
            self.breaker.begin_trial()
            self._start(self._trial(ticket))
        nap = self.breaker.seconds_to_trial(now)
        return None if nap is None else max(nap, SHORTEST_NAP)

    def _for_trial(self, now: float) -> str | None:
        """A ticket that was answered before, so that a failure is the site's."""
        if self._canary is not None:
            return self._canary
        return self._troubles.first_waiting() or self._next(now)

    def _next(self, now: float) -> str | None:
        """The next ticket: one whose wait is over, else one of the plan, else one put aside."""
        if (due := self._troubles.due(now)) is not None:
            return due
        while tickets := self.plan.next_tickets(1):
            outcome = self._answered.get(tickets[0])
            if outcome is None:
                return tickets[0]
            self._skipped += 1
            self.plan.record(tickets[0], outcome)
        if self._tasks or self._troubles.seconds_to_due(now) is not None:
            return None
        return self._troubles.begin_last_round(now)

    async def _launch(self, ticket: str) -> None:
        wait = self._bucket.wait(time.monotonic())
        if wait > 0:
            await asyncio.sleep(wait)
        self._start(self._ask(ticket))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fatal = self._fatal or error

    async def _ask(self, ticket: str) -> None:
        reply = await self._client.ask(ticket)
        judged = self._judged(ticket, reply)
        if judged.outcome is Outcome.FAILED:
            self._take_trouble(ticket, reply, judged)
        else:
            self._take_answer(ticket, reply, judged)

    async def _trial(self, ticket: str) -> None:
        """Ask while the site is down; the answer to a canary is thrown away."""
        reply = await self._client.ask(ticket)
        judged = self._judged(ticket, reply)
        now = time.monotonic()
        if judged.outcome is not Outcome.FAILED:
            if ticket == self._canary:
                self._site_is_up(now)
            else:
                self._take_answer(ticket, reply, judged)
            return
        self.breaker.trial_failed(now)
        if ticket != self._canary:
            self._try_in_vain(now, ticket, reply, judged)
        else:
            self._troubles.refund()

    def _try_in_vain(self, now: float, ticket: str, reply: Answer, judged: Verdict) -> None:
        """A trial without a canary failed: the site may be down, or all there is may be bad."""
        state = self._troubles.met(ticket, judged, reply)
        alone = self.plan.waiting == 0 and self._troubles.are_few
        if not alone:
            self._troubles.refund()
        state.charged += alone
        if state.charged >= self._patience.tries + self._patience.last_tries:
            self._give_up(ticket, reply.elapsed_ms)
        else:
            self._again_later(ticket, now)

    def _judged(self, ticket: str, reply: Answer) -> Verdict:
        self.tally.requests += 1
        self.tally.received += len(reply.body)
        if reply.cause is not None or reply.status is None:
            judged = Verdict(Outcome.FAILED, str(reply.cause or Cause.CONNECTION))
        else:
            judged = judge_answer(reply.body, ticket, reply.status)
        if judged.cause is not None:
            self.tally.troubles[judged.cause] += 1
            self.tally.last_trouble = str(judged.cause)
            self._refuse_what_cannot_work(reply)
        return judged

    def _refuse_what_cannot_work(self, reply: Answer) -> None:
        """A page that is not there, or has moved, is no trouble that passes."""
        gone = reply.status == NOT_FOUND or reply.cause == Cause.REDIRECT
        if gone and not self._heard and self.tally.requests >= PAGE_IS_GONE:
            same = self.tally.troubles["http_404"] + self.tally.troubles[Cause.REDIRECT.value]
            if same == self.tally.requests:
                raise ResultsPageGoneError(reply.status)

    def _take_answer(self, ticket: str, reply: Answer, judged: Verdict) -> None:
        self._site_is_up(time.monotonic())
        self._canary, self._heard = ticket, True
        attempts = self._troubles.are_over(ticket) + 1
        answer = ArchivedAnswer(
            ticket,
            judged.outcome,
            reply.status,
            datetime.now(UTC),
            attempts,
            reply.elapsed_ms,
            reply.body,
        )
        self._hand_on(answer)

    def _site_is_up(self, now: float) -> None:
        if self.breaker.is_open:
            self.limit.resumed()
        self.limit.good()
        self.breaker.good(now)
        self._troubles.site_is_up()

    def _take_trouble(self, ticket: str, reply: Answer, judged: Verdict) -> None:
        now = time.monotonic()
        state = self._troubles.met(ticket, judged, reply)
        if is_overload(judged.cause):
            self.limit.trouble()
        if reply.retry_after is not None or reply.status in (TOO_MANY, UNAVAILABLE):
            self._pause(now, reply.retry_after)
        if reply.status != TOO_MANY:
            self._troubles.charge(ticket)
        if self.breaker.trouble(now):
            log.warning("the site is down (%s): asking again now and then", judged.cause)
        if state.charged < self._patience.tries:
            self._again_later(ticket, now)
        elif state.last_round:
            self._give_up(ticket, reply.elapsed_ms)
        else:
            self._troubles.again_at_the_end(ticket)

    def _pause(self, now: float, seconds: float | None) -> None:
        """The site asks for less: everything waits as long as it says."""
        if now >= self._paused_until:
            self.limit.overloaded()
        until = now + (seconds if seconds is not None else self._backoff.seconds(2))
        if until > self._paused_until:
            self.tally.waited_for_site += until - max(now, self._paused_until)
            self._paused_until = until

    def _again_later(self, ticket: str, now: float) -> None:
        self.tally.retries += 1
        self._troubles.again_later(ticket, now)

    def _give_up(self, ticket: str, elapsed_ms: int) -> None:
        self._failed(ticket, self._troubles.give_up(ticket), elapsed_ms)

    def _failed(self, ticket: str, state: RetryState, elapsed_ms: int) -> None:
        self.tally.causes[state.cause or "unknown"] += 1
        self._hand_on(state.as_failed(ticket, elapsed_ms))

    def _hand_on(self, answer: ArchivedAnswer) -> None:
        self.tally.outcomes[answer.outcome] += 1
        self._writer.add(answer)
        self.plan.record(answer.hall_ticket, answer.outcome)

    async def _nap(self, seconds: float | None) -> None:
        """Wait until something changes, and no longer than this."""
        if seconds is None:
            await self._changed.wait()
            return
        try:
            async with asyncio.timeout(min(LONGEST_NAP, seconds)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _stop(self) -> None:
        """Leave nothing under way and nothing unwritten."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._fatal is None:
            for ticket, state in self._troubles.give_up_all():
                self._failed(ticket, state, 0)
        now = time.monotonic()
        self.tally.waited_for_site += self.breaker.waited + self.breaker.open_for(now)
        self._show(now, last=True)
        await self._writer.close()

    def _show(self, now: float, *, last: bool = False) -> None:
        due = last or now - self._shown_at >= PROGRESS_SECONDS
        if self._progress is not None and due:
            self._shown_at = now
            self._progress(self)
