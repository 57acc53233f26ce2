"""The retry policy for the results site: how fast to ask, when to ask again, when to stop.

Every request to the site follows these rules, for hall tickets (`fetcher.py`) and for the index
page (`site_index.py`). The sensor for new results only lowers the number of attempts, so that they
fit into its tick. The object store of the lake has its own policy in `object_store.py`.

- **Rate limit**: 40 requests a second (OUSPARK_SITE_RATE), in bursts of at most a quarter of a
  second (`TokenBucket`). A site on this machine has no limit unless one is set.
- **Concurrency**: up to OUSPARK_SITE_CONCURRENCY requests, fewer while the site shows overload:
  timeouts, connection errors, HTTP 429 and 5xx (`AdaptiveLimit`).
- **Backoff**: a failed request is repeated after an exponentially growing wait with full jitter,
  0.4 s at most after the first failure and 15 s in the end; 1 s and 30 s for the index page.
- **Retry-After**: the site's own wait, up to five minutes, stops all requests. HTTP 429 and 503
  without one stop them for a backoff of the second attempt.
- **Budget**: OUSPARK_SITE_RETRIES attempts per hall ticket and run, then three more after all
  other tickets (`RetryBudget`), so 8 means at most 11 requests. HTTP 429 and failures during an
  outage cost nothing of it.
- **Circuit breaker**: ten failures in a row mean that the site is down. One trial request at a
  time finds out when it is back; after OUSPARK_SITE_PATIENCE seconds the run ends
  (`CircuitBreaker`).
- **Never retried**: a refused TLS certificate, a redirect to another host, and a results page that
  answers its first five requests with 404 or a redirect.

Clocks and random numbers are passed in, so that tests need not wait.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from random import Random

from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.outcomes import Cause

DEFAULT_RATE = 40.0
MAX_RETRY_AFTER = 300.0
# A results page that answers only 404 or redirects to its first requests does not exist.
REQUESTS_UNTIL_PAGE_IS_GONE = 5
# If no more tickets than these fail, the tickets may be at fault rather than the site.
MAX_SUSPECT_TICKETS = 3
# The adaptive limit looks at this many answers at least, and halves above this share of failures.
MIN_WINDOW = 8
MAX_FAILURE_SHARE = 0.25
OVERLOAD_CAUSES = (Cause.TIMEOUT.value, Cause.TOO_SLOW.value, Cause.CONNECTION.value)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, which needs no rate limit."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_overload(cause: str | None) -> bool:
    """Whether a failure may come from too many requests rather than from one page."""
    return cause in OVERLOAD_CAUSES or (cause or "").startswith(("http_5", "http_429"))


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """Return the wait that a Retry-After header asks for, at most MAX_RETRY_AFTER.

    The header holds seconds or a date. None when it is missing or malformed.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(MAX_RETRY_AFTER, float(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(MAX_RETRY_AFTER, max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()))


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How many attempts a hall ticket has in one run, and how long the site may be down."""

    max_attempts: int
    max_outage_seconds: float
    # Further attempts at the end of the run, when all other tickets are done.
    final_attempts: int = 3

    @classmethod
    def from_settings(cls, settings: SiteSettings) -> "RetryBudget":
        """Return the budget that the settings give."""
        return cls(settings.site_retries, settings.site_patience)

    @property
    def total_attempts(self) -> int:
        """The attempts after which a ticket is given up."""
        return self.max_attempts + self.final_attempts


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter, in seconds."""

    first: float
    longest: float

    def seconds(self, attempt: int, random: Random) -> float:
        """Return the wait after the given attempt (1 for the first) has failed."""
        return random.uniform(0.0, min(self.longest, self.first * 2 ** min(attempt, 16)))


TICKET_BACKOFF = Backoff(first=0.2, longest=15.0)
INDEX_BACKOFF = Backoff(first=0.5, longest=30.0)


@dataclass(slots=True)
class TokenBucket:
    """A rate limit: `rate` requests a second, in bursts of at most a quarter of a second."""

    rate: float | None
    tokens: float = 1.0
    refilled_at: float = 0.0

    def reserve(self, now: float) -> float:
        """Take a token and return the seconds to wait before using it."""
        if self.rate is None:
            return 0.0
        burst = max(1.0, self.rate / 4)
        self.tokens = min(burst, self.tokens + (now - self.refilled_at) * self.rate)
        self.refilled_at = now
        self.tokens -= 1.0
        return max(0.0, -self.tokens / self.rate)


@dataclass(slots=True)
class AdaptiveLimit:
    """The number of requests that may be open at once, adapted to what the site bears.

    It starts at the maximum, so that a healthy site is read at full speed from the first request.
    When over a quarter of a window fails, it halves. A good window doubles it below the level that
    last failed and adds one above it.
    """

    maximum: int
    current: int = field(init=False)
    _safe: int = field(init=False)
    _sustained: int = field(init=False)
    _answers: int = field(init=False, default=0)
    _failures: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.current = self._safe = self._sustained = self.maximum

    def record_success(self) -> None:
        """Count a valid answer."""
        self._answers += 1
        self._evaluate_window()

    def record_failure(self) -> None:
        """Count a request that the site did not answer validly."""
        self._answers += 1
        self._failures += 1
        self._evaluate_window()

    def record_refusal(self) -> None:
        """Halve the limit because the site asks for fewer requests."""
        self._halve()

    def restart_after_outage(self) -> None:
        """Start again at an eighth of the last sustained level, doubling up to half of it."""
        self.current = max(1, self._sustained // 8)
        self._safe = max(1, self._sustained // 2)
        self._answers = self._failures = 0

    def _evaluate_window(self) -> None:
        window = max(MIN_WINDOW, self.current)
        if self._failures > MAX_FAILURE_SHARE * window:
            self._halve()
        elif self._answers >= window:
            self._sustained = self.current
            faster = self.current * 2 if self.current < self._safe else self.current + 1
            self.current = min(self.maximum, faster)
            self._answers = self._failures = 0

    def _halve(self) -> None:
        # Answers to requests that are already open were sent at the old level and do not count.
        self._answers, self._failures = -self.current, -self.current
        self.current = self._safe = max(1, self.current // 2)


class BreakerState(StrEnum):
    """What a circuit breaker lets through: all requests, none, or one trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(slots=True)
class CircuitBreaker:
    """Opens after a number of failures in a row, then allows one trial at a time.

    The wait before a trial grows from `first_wait` by `growth` up to `longest_wait`, each time with
    a jitter of 20 %. One valid answer closes the breaker.
    """

    random: Random
    failures_to_open: int = 10
    first_wait: float = 0.5
    growth: float = 1.6
    longest_wait: float = 15.0
    is_open: bool = field(default=False, init=False)
    failures_in_a_row: int = field(default=0, init=False)
    trials: int = field(default=0, init=False)
    times_opened: int = field(default=0, init=False)
    next_trial_at: float = field(default=0.0, init=False)
    opened_at: float = field(default=0.0, init=False)
    # Seconds of all outages that have ended.
    past_outage_seconds: float = field(default=0.0, init=False)
    _wait: float = field(default=0.0, init=False)
    _is_trial_running: bool = field(default=False, init=False)

    @property
    def state(self) -> BreakerState:
        """What the breaker lets through now."""
        if not self.is_open:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._is_trial_running else BreakerState.OPEN

    def record_success(self, now: float) -> None:
        """Close the breaker: a valid answer to any ticket means that the site is up."""
        self.failures_in_a_row = 0
        if self.is_open:
            self.is_open = self._is_trial_running = False
            self.past_outage_seconds += now - self.opened_at

    def record_failure(self, now: float) -> bool:
        """Count a failure and return whether the breaker opens because of it."""
        self.failures_in_a_row += 1
        if self.is_open or self.failures_in_a_row < self.failures_to_open:
            return False
        self.is_open = True
        self.times_opened += 1
        self.opened_at = now
        self._wait = self.first_wait
        self._schedule_trial(now)
        return True

    def record_trial_failure(self, now: float) -> None:
        """Schedule the next trial after a longer wait."""
        self._is_trial_running = False
        self._wait = min(self.longest_wait, self._wait * self.growth)
        self._schedule_trial(now)

    def is_trial_due(self, now: float) -> bool:
        """Whether a trial may start now."""
        return self.is_open and not self._is_trial_running and now >= self.next_trial_at

    def start_trial(self) -> None:
        """Record that a trial starts; `record_success` or `record_trial_failure` ends it."""
        self._is_trial_running = True
        self.trials += 1

    def seconds_to_trial(self, now: float) -> float | None:
        """Return the seconds until a trial is due; None while one is running."""
        return None if self._is_trial_running else max(0.0, self.next_trial_at - now)

    def outage_seconds(self, now: float) -> float:
        """Return the seconds that the site has been down; 0 when it is up."""
        return now - self.opened_at if self.is_open else 0.0

    def _schedule_trial(self, now: float) -> None:
        self.next_trial_at = now + self._wait * self.random.uniform(0.8, 1.2)
