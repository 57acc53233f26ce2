"""What a rule finds: about what, how bad, since when, and what to do next.

How it is recognised as the same thing a minute later is its key; how it is worded for a channel
is `messages.py`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """How bad: told at leisure, looked at today, looked at now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Seen:
    """What a condition sees: the subject is the same for as long as it is the same thing."""

    subject: str
    headline: str
    since: datetime
    details: tuple[tuple[str, str], ...] = ()
    next_step: str = ""
    run_id: str | None = None
    release: str | None = None
    asset: str | None = None


@dataclass(frozen=True)
class Finding:
    """What a rule found."""

    rule: str
    # The part of the facts it was found in; what can't be looked at is not over.
    topic: str
    severity: Severity
    seen: Seen
    # How the end of it is told; news has no end.
    over: str
    is_news: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The rule and the subject: one alert at a time."""
        return self.rule, self.seen.subject


@dataclass(frozen=True)
class Evaluation:
    """Everything that was found, and which parts of which rules could be judged at all."""

    at: datetime
    findings: tuple[Finding, ...] = ()
    judged: frozenset[tuple[str, str]] = field(default_factory=frozenset)
