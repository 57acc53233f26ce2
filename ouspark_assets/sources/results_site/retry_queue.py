"""Tickets that were asked in vain: how often, when again, and when no more.

Whether the site as a whole is down is `breaker.py`; asking and archiving is `fetching.py`.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ouspark_assets.sources.results_site.outcomes import Outcome, Verdict
from ouspark_assets.sources.results_site.parts import ArchivedAnswer
from ouspark_assets.sources.results_site.retry_policy import Backoff
from ouspark_assets.sources.results_site.site_client import Answer
from ouspark_assets.sources.results_site.tally import RetryPolicy

# So few tickets that all fail may be bad themselves, without the site being down.
FEW_TICKETS = 3


@dataclass(slots=True)
class RetryState:
    """A ticket with trouble behind it."""

    attempts: int = 0
    # Of them, those that are held against the ticket rather than against the site.
    charged: int = 0
    cause: str | None = None
    status: int | None = None
    last_round: bool = False

    def as_failed(self, ticket: str, elapsed_ms: int) -> ArchivedAnswer:
        """What is archived of it when it stays without an answer."""
        now = datetime.now(UTC)
        return ArchivedAnswer(
            ticket, Outcome.FAILED, self.status, now, self.attempts, elapsed_ms, None, self.cause
        )


class RetryQueue:
    """The tickets with trouble behind them, and those of them that wait to be asked again."""

    def __init__(self, patience: RetryPolicy, backoff: Backoff) -> None:
        """None yet."""
        self._patience, self._backoff = patience, backoff
        self._tickets: dict[str, RetryState] = {}
        self._waiting: list[tuple[float, str]] = []
        self._doubtful: list[str] = []
        # Charged since the site last answered: taken back if it turns out to have been down.
        self._streak: list[str] = []

    @property
    def are_few(self) -> bool:
        """Whether so few tickets are in trouble that they may be bad themselves."""
        return len(self._tickets) <= FEW_TICKETS

    def met(self, ticket: str, judged: Verdict, reply: Answer) -> RetryState:
        """A ticket after one more attempt in vain."""
        state = self._tickets.setdefault(ticket, RetryState())
        state.attempts += 1
        state.cause, state.status = judged.cause, reply.status
        return state

    def charge(self, ticket: str) -> None:
        """Hold the last attempt against the ticket, as long as the site is not found to be down."""
        self._tickets[ticket].charged += 1
        self._streak.append(ticket)

    def refund(self) -> None:
        """The site is down, not the tickets: none of them is charged for it."""
        for ticket in self._streak:
            if (state := self._tickets.get(ticket)) is not None:
                state.charged = max(0, state.charged - 1)
        self._streak.clear()

    def site_is_up(self) -> None:
        """What was charged until now stays charged."""
        self._streak.clear()

    def are_over(self, ticket: str) -> int:
        """The attempts that a ticket needed before the site answered."""
        state = self._tickets.pop(ticket, None)
        return state.attempts if state else 0

    def give_up(self, ticket: str) -> RetryState:
        """A ticket that is not asked any more, with what it has behind it."""
        return self._tickets.pop(ticket)

    def give_up_all(self) -> Iterator[tuple[str, RetryState]]:
        """Every ticket that is left."""
        while self._tickets:
            yield self._tickets.popitem()

    def again_later(self, ticket: str, now: float) -> None:
        """Let a ticket wait, the longer the more often it was asked."""
        attempt = max(1, self._tickets[ticket].charged)
        heapq.heappush(self._waiting, (now + self._backoff.seconds(attempt), ticket))

    def again_at_the_end(self, ticket: str) -> None:
        """Put a ticket aside until all others are done."""
        self._doubtful.append(ticket)

    def due(self, now: float) -> str | None:
        """A ticket whose wait is over."""
        return self.first_waiting() if self._waiting and self._waiting[0][0] <= now else None

    def first_waiting(self) -> str | None:
        """The ticket whose wait is over first, be it over or not."""
        return heapq.heappop(self._waiting)[1] if self._waiting else None

    def seconds_to_due(self, now: float) -> float | None:
        """How long the first of those that wait has to; None when none waits."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None

    def begin_last_round(self, now: float) -> str | None:
        """When nothing else is left, what was put aside gets a few more tries; the first of it."""
        for ticket in self._doubtful:
            state = self._tickets[ticket]
            state.last_round = True
            state.charged = max(0, self._patience.tries - self._patience.last_tries)
            heapq.heappush(self._waiting, (now, ticket))
        self._doubtful.clear()
        return self.due(now)
