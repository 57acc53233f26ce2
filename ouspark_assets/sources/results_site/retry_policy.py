"""How fast the site may be asked: a rate, an adaptive number at once, and how long to back off.

Clocks and chance are passed in, so that every rule here can be tested without waiting. When to
stop asking altogether is `breaker.py`.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

DEFAULT_RATE = 40.0
LEAST_WINDOW = 8
TROUBLE_SHARE = 0.25
LONGEST_RETRY_AFTER = 300.0


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, where no rate limit is needed."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class TokenBucket:
    """At most `rate` requests a second, with at most a quarter second's worth at once."""

    rate: float | None
    tokens: float = 1.0
    refilled_at: float = 0.0

    def wait(self, now: float) -> float:
        """Take a token; the seconds to wait before using it."""
        if self.rate is None:
            return 0.0
        most = max(1.0, self.rate / 4)
        self.tokens = min(most, self.tokens + (now - self.refilled_at) * self.rate)
        self.refilled_at = now
        self.tokens -= 1.0
        return max(0.0, -self.tokens / self.rate)


@dataclass(slots=True)
class AdaptiveLimit:
    """How many requests may be under way: halves when a window shows trouble, then creeps back.

    It begins at the most, so that a healthy site is read at full speed from the first request.
    Below the level that last caused trouble it doubles per good window, above it adds one.
    """

    most: int
    now: int = field(init=False)
    _safe: int = field(init=False)
    _steady: int = field(init=False)
    _answers: int = field(init=False, default=0)
    _troubles: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Begin at full speed."""
        self.now = self._safe = self._steady = self.most

    def good(self) -> None:
        """An answer came that counts."""
        self._answers += 1
        self._judge_window()

    def trouble(self) -> None:
        """An answer came that does not count, or none."""
        self._answers += 1
        self._troubles += 1
        self._judge_window()

    def overloaded(self) -> None:
        """The site itself asks for less."""
        self._halve()

    def resumed(self) -> None:
        """The site is back after an outage: begin low, and double up to half of what it bore."""
        self.now = max(1, self._steady // 8)
        self._safe = max(1, self._steady // 2)
        self._answers = self._troubles = 0

    def _judge_window(self) -> None:
        if self._troubles > TROUBLE_SHARE * max(LEAST_WINDOW, self.now):
            self._halve()
        elif self._answers >= max(LEAST_WINDOW, self.now):
            self._steady = self.now
            faster = self.now * 2 if self.now < self._safe else self.now + 1
            self.now = min(self.most, faster)
            self._answers = self._troubles = 0

    def _halve(self) -> None:
        # What is still under way was sent at the old speed: it decides nothing again.
        self._answers, self._troubles = -self.now, -self.now
        self.now = self._safe = max(1, self.now // 2)


@dataclass(slots=True)
class Backoff:
    """Seconds before a ticket is asked again: exponential, with full jitter."""

    random: Random
    first: float = 0.2
    longest: float = 15.0

    def seconds(self, attempt: int) -> float:
        """The wait after the given attempt (1 for the first) failed."""
        return self.random.uniform(0.0, min(self.longest, self.first * 2 ** min(attempt, 16)))


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """The wait that a Retry-After header asks for, in seconds or as a date; capped."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(LONGEST_RETRY_AFTER, float(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(LONGEST_RETRY_AFTER, max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()))
