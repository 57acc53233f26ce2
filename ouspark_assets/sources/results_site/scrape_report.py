"""A scrape in numbers: counters, progress while it runs, and the report at its end.

Numbers only, never a hall ticket. `cli/` and `orchestration/assets/` show them.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.retry_policy import BreakerState


@dataclass(slots=True)
class FetchCounts:
    """The counters of a fetch that is running or has ended."""

    requests: int = 0
    retries: int = 0
    # Bytes of all answers.
    received: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    # Tickets that stay without an answer, and all failed requests, by cause.
    failed_tickets: Counter[str] = field(default_factory=Counter)
    failed_requests: Counter[str] = field(default_factory=Counter)
    # Tickets without a result by their sentence, in which hall tickets are hidden.
    sentences: Counter[str] = field(default_factory=Counter)
    share_without_result: float = 0.0
    last_cause: str | None = None
    seconds_waited_for_site: float = 0.0
    # Why the run ended early; None as long as it goes on.
    gave_up: str | None = None


@dataclass(frozen=True, slots=True)
class ScrapeProgress:
    """How far a scrape is; `expected` grows when classes turn out to be longer."""

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
    breaker: BreakerState
    outages: int
    failed_requests: int
    last_cause: str | None
    retries: int
    received: int
    # Answers without a result, confirmed or not.
    no_result: int = 0

    @property
    def site_is_down(self) -> bool:
        """Whether only trial requests are sent."""
        return self.breaker is not BreakerState.CLOSED


@dataclass(frozen=True, slots=True)
class ScrapeReport:
    """What a scrape did."""

    release: str
    requests: int
    found: int
    not_found: int
    no_change: int
    # Tickets that stay without an answer, and all failed requests.
    failed_by_cause: dict[str, int]
    failed_requests_by_cause: dict[str, int]
    retries: int
    seconds: float
    bytes_received: int
    seconds_waited_for_site: float
    already_archived: int
    planned: int
    parts: int
    complete: bool
    gave_up: str | None
    # What the operator should know although nothing failed.
    notice: str | None = None
    # Tickets without a result, by the sentence that the site gave, without hall tickets.
    sentences: dict[str, int] = field(default_factory=dict)

    @property
    def no_result(self) -> int:
        """Tickets with a confirmed answer without a result."""
        return sum(self.sentences.values())

    @property
    def failed(self) -> int:
        """Tickets that stay without an answer."""
        return sum(self.failed_by_cause.values())


ShowProgress = Callable[[ScrapeProgress], None]
