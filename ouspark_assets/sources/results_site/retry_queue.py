"""The hall tickets whose last request failed: when each is due again, and its attempts so far.

Attempts are charged to a ticket's budget, and refunded when it turns out that the site was down.
The rules are in `retry_policy.py`, the requests in `fetcher.py`.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from ouspark_assets.sources.results_site.archive import ArchivedAnswer
from ouspark_assets.sources.results_site.outcomes import Outcome, Verdict
from ouspark_assets.sources.results_site.retry_policy import (
    MAX_SUSPECT_TICKETS,
    TICKET_BACKOFF,
)
from ouspark_assets.sources.results_site.site_client import Answer


@dataclass(slots=True)
class RetryState:
    """The failed attempts at one hall ticket."""

    attempts: int = 0
    # Those of them that count towards the ticket's budget.
    charged: int = 0
    cause: str | None = None
    status: int | None = None
    is_in_final_round: bool = False

    def failed_answer(self, ticket: str, elapsed_ms: int) -> ArchivedAnswer:
        """Return the record that is archived when the ticket stays without an answer."""
        now = datetime.now(UTC)
        return ArchivedAnswer(
            ticket, Outcome.FAILED, self.status, now, self.attempts, elapsed_ms, None, self.cause
        )


class RetryQueue:
    """All hall tickets with failed attempts, and those of them that wait for the next one."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._states: dict[str, RetryState] = {}
        self._waiting: list[tuple[float, str]] = []
        self._deferred: list[str] = []
        # Tickets charged since the site's last valid answer, refunded if the site was down.
        self._provisional: list[str] = []

    @property
    def holds_few_tickets(self) -> bool:
        """Whether so few tickets fail that they may be at fault rather than the site."""
        return len(self._states) <= MAX_SUSPECT_TICKETS

    def record_failure(self, ticket: str, verdict: Verdict, answer: Answer) -> RetryState:
        """Count a failed attempt and return the ticket's state."""
        state = self._states.setdefault(ticket, RetryState())
        state.attempts += 1
        state.cause, state.status = verdict.cause, answer.status
        return state

    def record_success(self, ticket: str) -> int:
        """Drop a ticket that was answered and return how many attempts had failed."""
        state = self._states.pop(ticket, None)
        return state.attempts if state else 0

    def charge(self, ticket: str) -> None:
        """Charge the last attempt to the ticket's budget, unless the site turns out to be down."""
        self._states[ticket].charged += 1
        self._provisional.append(ticket)

    def confirm_charges(self) -> None:
        """Make all charges final: the site has answered, so it was not down."""
        self._provisional.clear()

    def refund_charges(self) -> None:
        """Take back the charges since the site's last valid answer: the site was down."""
        for ticket in self._provisional:
            if (state := self._states.get(ticket)) is not None:
                state.charged = max(0, state.charged - 1)
        self._provisional.clear()

    def remove(self, ticket: str) -> RetryState:
        """Remove a ticket that is given up and return its state."""
        return self._states.pop(ticket)

    def remove_all(self) -> Iterator[tuple[str, RetryState]]:
        """Remove and yield every ticket that is left."""
        while self._states:
            yield self._states.popitem()

    def schedule(self, ticket: str, now: float) -> None:
        """Queue the next attempt after a backoff that grows with the attempts charged."""
        attempt = max(1, self._states[ticket].charged)
        due = now + TICKET_BACKOFF.seconds(attempt, self._random)
        heapq.heappush(self._waiting, (due, ticket))

    def defer(self, ticket: str) -> None:
        """Put a ticket that has spent its budget aside until the final round."""
        self._deferred.append(ticket)

    def pop_due(self, now: float) -> str | None:
        """Return a ticket whose backoff is over."""
        return self.pop_first() if self._waiting and self._waiting[0][0] <= now else None

    def pop_first(self) -> str | None:
        """Return the ticket that is due first, even if its backoff is not over."""
        return heapq.heappop(self._waiting)[1] if self._waiting else None

    def seconds_to_due(self, now: float) -> float | None:
        """Return the seconds until the first ticket is due; None when none waits."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None

    def start_final_round(self, now: float) -> str | None:
        """Give the deferred tickets their final attempts and return the first of them."""
        for ticket in self._deferred:
            self._states[ticket].is_in_final_round = True
            heapq.heappush(self._waiting, (now, ticket))
        self._deferred.clear()
        return self.pop_due(now)
