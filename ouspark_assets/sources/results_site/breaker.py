"""The circuit breaker: when the site is taken to be down, and when it is tried again.

A state machine over the answers, with the clock passed in. It knows nothing of tickets; what is
asked as a trial is chosen in `fetching.py`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

FAILURES_TO_OPEN = 10


class State(StrEnum):
    """What a breaker lets through: everything, nothing, one trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(slots=True)
class CircuitBreaker:
    """Open after so many troubles in a row; then one trial at a time, each later than the last."""

    random: Random
    failures_to_open: int = FAILURES_TO_OPEN
    first_wait: float = 0.5
    growth: float = 1.6
    longest_wait: float = 15.0
    is_open: bool = field(default=False, init=False)
    in_a_row: int = field(default=0, init=False)
    trials: int = field(default=0, init=False)
    opened: int = field(default=0, init=False)
    next_trial_at: float = field(default=0.0, init=False)
    opened_at: float = field(default=0.0, init=False)
    waited: float = field(default=0.0, init=False)
    _wait: float = field(default=0.0, init=False)
    _trial_under_way: bool = field(default=False, init=False)

    @property
    def state(self) -> State:
        """What is let through now."""
        if not self.is_open:
            return State.CLOSED
        return State.HALF_OPEN if self._trial_under_way else State.OPEN

    def good(self, now: float) -> None:
        """An answer came that counts: whatever it was asked for, the site is up."""
        self.in_a_row = 0
        if self.is_open:
            self.is_open = self._trial_under_way = False
            self.waited += now - self.opened_at

    def trouble(self, now: float) -> bool:
        """An answer came that does not count; True when the breaker opens because of it."""
        self.in_a_row += 1
        if self.is_open or self.in_a_row < self.failures_to_open:
            return False
        self.is_open = True
        self.opened += 1
        self.opened_at = now
        self._wait = self.first_wait
        self._schedule(now)
        return True

    def trial_failed(self, now: float) -> None:
        """The trial did not succeed: wait longer before the next."""
        self._trial_under_way = False
        self._wait = min(self.longest_wait, self._wait * self.growth)
        self._schedule(now)

    def is_due(self, now: float) -> bool:
        """Whether a trial may be made now."""
        return self.is_open and not self._trial_under_way and now >= self.next_trial_at

    def begin_trial(self) -> None:
        """A trial is made; how it went is told by `good` or `trial_failed`."""
        self._trial_under_way = True
        self.trials += 1

    def seconds_to_trial(self, now: float) -> float | None:
        """Seconds until a trial is due; None while one is under way."""
        return None if self._trial_under_way else max(0.0, self.next_trial_at - now)

    def open_for(self, now: float) -> float:
        """Seconds that the site has been down by now; 0 when it is up."""
        return now - self.opened_at if self.is_open else 0.0

    def _schedule(self, now: float) -> None:
        self.next_trial_at = now + self._wait * self.random.uniform(0.8, 1.2)
