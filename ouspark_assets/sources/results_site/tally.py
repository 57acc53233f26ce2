"""What a fetching keeps count of, and the patience that it has.

Values only; what they decide is `fetching.py`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.sources.results_site.outcomes import Cause, Outcome

OVERLOAD = (Cause.TIMEOUT.value, Cause.TOO_SLOW.value, Cause.CONNECTION.value)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a ticket is asked, and how long the site may be down."""

    tries: int
    seconds: float
    # Tries that a ticket gets again at the end, when the others are done.
    last_tries: int = 3


@dataclass(slots=True)
class FetchCounts:
    """What has happened so far, in numbers."""

    requests: int = 0
    retries: int = 0
    received: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    last_trouble: str | None = None
    waited_for_site: float = 0.0
    gave_up: str | None = None


class ResultsPageGoneError(SiteError):
    """Every answer says that there is no such results page."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


def one_answered(answered: Mapping[str, Outcome]) -> str | None:
    """A ticket that the site has answered before, best a student's; None when there is none."""
    found = (ticket for ticket, outcome in answered.items() if outcome is Outcome.FOUND)
    return next(found, None) or next(iter(answered), None)


def is_overload(cause: str | None) -> bool:
    """Whether a trouble may come from being asked too much, rather than from one page."""
    return cause in OVERLOAD or (cause or "").startswith(("http_5", "http_429"))
