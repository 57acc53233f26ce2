"""Rules and channels as the file says them, and what the rules find in the facts.

How the file is read is `reading.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from ouspark_assets.operations.alerts.channels import ChannelSpec
from ouspark_assets.operations.alerts.conditions import Condition
from ouspark_assets.operations.alerts.facts import Facts
from ouspark_assets.operations.alerts.failures import CheckFailed, FailureShare, RunFailed
from ouspark_assets.operations.alerts.findings import Evaluation, Finding, Seen, Severity
from ouspark_assets.operations.alerts.news import ResultsLive
from ouspark_assets.operations.alerts.times import LateToReaders, SlowStage, Stale
from ouspark_assets.operations.alerts.volumes import QuarantineGrowth, VolumeDrop


class Kind(StrEnum):
    """What a rule is about: the word after `when`."""

    RUN_FAILED = "run_failed"
    CHECK_FAILED = "check_failed"
    FAILURE_SHARE = "failure_share"
    VOLUME_DROP = "volume_drop"
    SLOW_STAGE = "slow_stage"
    STALE = "stale"
    LATE_TO_READERS = "late_to_readers"
    QUARANTINE_GROWTH = "quarantine_growth"
    RESULTS_LIVE = "results_live"


CONDITIONS: Mapping[Kind, type[Condition]] = {
    Kind.RUN_FAILED: RunFailed,
    Kind.CHECK_FAILED: CheckFailed,
    Kind.FAILURE_SHARE: FailureShare,
    Kind.VOLUME_DROP: VolumeDrop,
    Kind.SLOW_STAGE: SlowStage,
    Kind.STALE: Stale,
    Kind.LATE_TO_READERS: LateToReaders,
    Kind.QUARANTINE_GROWTH: QuarantineGrowth,
    Kind.RESULTS_LIVE: ResultsLive,
}


@dataclass(frozen=True)
class Rule:
    """When something is told, how bad it is, and to whom."""

    name: str
    kind: Kind
    condition: Condition
    severity: Severity
    channels: tuple[str, ...]
    releases: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    # From when on an alert that is still open is told again; None: never.
    remind_after: timedelta | None = None

    def applies_to(self, seen: Seen) -> bool:
        """Whether what is seen is about a release and an asset that the rule names."""
        return _matches(self.releases, seen.release) and _matches(self.assets, seen.asset)


@dataclass(frozen=True)
class Ruleset:
    """The whole file."""

    path: Path
    channels: Mapping[str, ChannelSpec]
    rules: tuple[Rule, ...]

    def rule(self, name: str) -> Rule | None:
        """The rule of this name, if there still is one."""
        return next((rule for rule in self.rules if rule.name == name), None)


def evaluate(rules: Sequence[Rule], facts: Facts) -> Evaluation:
    """Everything that the rules find, and which parts of them could be judged."""
    findings: list[Finding] = []
    judged: set[tuple[str, str]] = set()
    for rule in rules:
        for topic, seen in rule.condition.judge(facts).items():
            if seen is not None:
                judged.add((rule.name, topic))
                findings += _findings(rule, topic, seen)
    return Evaluation(facts.at, tuple(findings), frozenset(judged))


def _findings(rule: Rule, topic: str, seen: Sequence[Seen]) -> Iterator[Finding]:
    condition = rule.condition
    for it in seen:
        if rule.applies_to(it):
            yield Finding(rule.name, topic, rule.severity, it, condition.over, condition.is_news)


def _matches(patterns: Sequence[str], name: str | None) -> bool:
    return not patterns or (
        name is not None and any(fnmatchcase(name, pattern) for pattern in patterns)
    )
