"""What a rule is, and what the rules find in the facts.

The rules themselves, one class per condition, are in `conditions.py`; reading them from the file
is in `rules_file.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import ClassVar

from pydantic import BaseModel

from ouspark_assets.operations.alerts.facts import Facts
from ouspark_assets.operations.alerts.option_types import (
    MODEL_CONFIG,
    Name,
    Names,
    Patterns,
    Reminder,
)


class Severity(StrEnum):
    """How urgent an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Observation:
    """One thing that a condition applies to, described for people."""

    # Identifies the alert together with the rule. It is stored: another text for the same thing
    # would close the open alert and open a new one.
    subject: str
    headline: str
    since: datetime
    details: tuple[tuple[str, str], ...] = ()
    next_step: str = ""
    run_id: str | None = None
    release: str | None = None
    asset: str | None = None


# By topic, the part of the facts that was looked at; None when that part could not be read.
Observations = Mapping[str, Sequence[Observation] | None]


class Rule(BaseModel, ABC):
    """A rule of the rules file: its condition is the subclass, its thresholds are the fields."""

    model_config = MODEL_CONFIG
    # What the message about the end of an alert says.
    recovery: ClassVar[str] = ""
    # News is sent once and has no end.
    is_news: ClassVar[bool] = False

    name: Name
    when: str
    severity: Severity
    channels: Names
    # After this time a message about an alert that is still open is repeated.
    remind_after: Reminder = None

    @abstractmethod
    def evaluate(self, facts: Facts) -> Observations:
        """Return everything that the condition applies to; filters are applied afterwards."""


class ReleaseRule(Rule):
    """A rule that can be limited to releases."""

    releases: Patterns = ()


class AssetRule(Rule):
    """A rule that can be limited to assets."""

    assets: Patterns = ()


@dataclass(frozen=True)
class Finding:
    """An observation that leads to an alert, and its rule."""

    rule: Rule
    topic: str
    observation: Observation

    @property
    def key(self) -> tuple[str, str]:
        """The rule's name and the subject: at most one alert with this key is open."""
        return self.rule.name, self.observation.subject


@dataclass(frozen=True)
class Evaluation:
    """All findings at one time, and the pairs of rule name and topic that could be judged."""

    at: datetime
    findings: tuple[Finding, ...] = ()
    judged: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def evaluate_rules(rules: Sequence[Rule], facts: Facts) -> Evaluation:
    """Return what the rules find in the facts."""
    findings: list[Finding] = []
    judged: set[tuple[str, str]] = set()
    for rule in rules:
        for topic, observations in rule.evaluate(facts).items():
            if observations is None:
                continue
            judged.add((rule.name, topic))
            findings += [
                Finding(rule, topic, observation)
                for observation in observations
                if _is_covered(rule, observation)
            ]
    return Evaluation(facts.at, tuple(findings), frozenset(judged))


def _is_covered(rule: Rule, observation: Observation) -> bool:
    releases = rule.releases if isinstance(rule, ReleaseRule) else ()
    assets = rule.assets if isinstance(rule, AssetRule) else ()
    return matches_any(releases, observation.release) and matches_any(assets, observation.asset)


def matches_any(patterns: Sequence[str], name: str | None) -> bool:
    """Return whether a name fits one of the patterns; without patterns, everything fits."""
    return not patterns or (
        name is not None and any(fnmatchcase(name, pattern) for pattern in patterns)
    )
