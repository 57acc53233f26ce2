"""What a fetching keeps count of: patience, numbers, and tickets with trouble behind them.

Values only; what they decide is `fetching.py`.
"""

from collections import Counter
from dataclasses import dataclass, field

from ouspark_assets.errors import SiteError
from ouspark_assets.site.judging import Outcome


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a ticket is asked, and how long the site may be down."""

    tries: int
    seconds: float
    # Tries that a ticket gets again at the end, when the others are done.
    last_tries: int = 3


@dataclass(slots=True)
class Tally:
    """What has happened so far, in numbers."""

    requests: int = 0
    retries: int = 0
    received: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    waited_for_site: float = 0.0
    gave_up: str | None = None


@dataclass(slots=True)
class TroubledTicket:
    """A ticket with trouble behind it."""

    attempts: int = 0
    charged: int = 0
    cause: str | None = None
    status: int | None = None
    last_round: bool = False


class PageIsGoneError(SiteError):
    """Every answer says that there is no such results page."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
