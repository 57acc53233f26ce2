"""The current state as plain values: runs, releases, publication, cache, quarantine, services.

Pure: facts in, frozen dataclasses out. `cli/status.py` collects the facts and shows them;
`operations/metrics.py` exposes some of them.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ouspark_assets.warehouse.records.site_health import SiteHealth, UnfinishedScrape
from ouspark_assets.warehouse.records.stage_runs import StageRun


class StageOutcome(StrEnum):
    """How a stage ended. A stage that has no end and is not running was killed."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"


@dataclass(frozen=True)
class LastRun:
    """The stages of the latest command or run, summarised."""

    started: datetime
    seconds: float | None
    outcome: str
    stages: int
    releases: tuple[str, ...]
    run_ids: tuple[str, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseState:
    """A release that `ouspark run` selects by default, and what it still lacks."""

    release: str
    title: str
    complete: bool
    loaded: bool
    unanswered: int
    # Those of them that got a sentence instead of a result that was not confirmed.
    unconfirmed: int = 0
    # The sentences that were confirmed, without hall tickets, and how many tickets got them.
    no_results: Mapping[str, int] = field(default_factory=dict)

    @property
    def stale_because(self) -> str | None:
        """What the release lacks; None if it is up to date."""
        reasons = []
        if not self.complete:
            reasons.append("scrape incomplete")
        if self.unanswered:
            with_sentence = (
                f", {self.unconfirmed} of them with a sentence that may be about the site"
                if self.unconfirmed
                else ""
            )
            reasons.append(f"{self.unanswered} hall tickets without an answer{with_sentence}")
        if not self.loaded:
            reasons.append("pages of the lake not loaded into the tables")
        return "; ".join(reasons) or None


@dataclass(frozen=True)
class PublicationState:
    """The newest publication; `behind` if development has changed since."""

    number: int | None = None
    published_at: datetime | None = None
    behind: bool = False
    held: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class CacheState:
    """The current cache generation; `behind` if there is a newer publication."""

    generation: str | None = None
    publication: int | None = None
    built_at: datetime | None = None
    behind: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class QuarantineReason:
    """The number of open records of a table that were rejected for one reason."""

    table_name: str
    reason: str
    records: int


@dataclass(frozen=True)
class ServiceState:
    """A database, cache or site that the settings refer to."""

    setting: str
    state: str
    address: str | None


@dataclass(frozen=True)
class SentenceCount:
    """A sentence that the site gave instead of a result, and for how many tickets and releases."""

    sentence: str
    hall_tickets: int
    releases: int


@dataclass(frozen=True)
class Status:
    """Everything that `ouspark status` shows."""

    last_run: LastRun | None
    running: tuple[StageRun, ...]
    scrapes: tuple[UnfinishedScrape, ...]
    failed: tuple[StageRun, ...]
    failed_checks: tuple[str, ...]
    releases: tuple[ReleaseState, ...]
    publication: PublicationState
    cache: CacheState
    quarantine_open: int
    quarantine: tuple[QuarantineReason, ...]
    sites: tuple[SiteHealth, ...]
    services: tuple[ServiceState, ...]

    @property
    def no_results(self) -> tuple[SentenceCount, ...]:
        """The sentences given instead of a result, the most frequent one first."""
        tickets: Counter[str] = Counter()
        releases: Counter[str] = Counter()
        for release in self.releases:
            tickets.update(release.no_results)
            releases.update(release.no_results.keys())
        return tuple(
            SentenceCount(sentence, count, releases[sentence])
            for sentence, count in tickets.most_common()
        )

    @property
    def stale(self) -> tuple[str, ...]:
        """What the next run would bring up to date, one line each."""
        lines = [
            f"release {release.release}: {release.stale_because}"
            for release in self.releases
            if release.stale_because
        ]
        if self.publication.behind:
            lines.append("production: development has changed since the newest publication")
        if self.cache.behind:
            lines.append("cache: its generation is older than the newest publication")
        return tuple(lines)


def summarize_last_run(
    stages: Sequence[StageRun], running_ids: Collection[int] = (), run_ids: Collection[str] = ()
) -> LastRun | None:
    """Return the stages of the latest run, or of all runs of its command, as one run.

    The stages are given in the order in which they started; `run_ids` are the runs of the command
    that the last stage belongs to. Returns None if nothing has run yet.
    """
    if not stages:
        return None
    last_runs = {stages[-1].run_id, *run_ids}
    stages = [stage for stage in stages if stage.run_id in last_runs]
    ended = [stage.ended for stage in stages if stage.ended is not None]
    started = min(stage.started for stage in stages)
    failures = [stage for stage in stages if stage.outcome == StageOutcome.FAILED]
    return LastRun(
        started=started,
        seconds=(max(ended) - started).total_seconds() if len(ended) == len(stages) else None,
        outcome=_combined_outcome(stages, running_ids).value,
        stages=len(stages),
        releases=tuple(dict.fromkeys(stage.release for stage in stages if stage.release)),
        run_ids=tuple(dict.fromkeys(stage.run_id for stage in stages)),
        errors=tuple(stage.error or "no error message was recorded" for stage in failures),
    )


def select_failed(latest: Sequence[StageRun], running_ids: Collection[int]) -> tuple[StageRun, ...]:
    """Return those of the latest runs of each stage that failed or were killed."""
    return tuple(
        stage
        for stage in latest
        if stage.outcome != StageOutcome.SUCCEEDED and stage.id not in running_ids
    )


def select_running(
    stages: Sequence[StageRun], running_ids: Collection[int]
) -> tuple[StageRun, ...]:
    """Return the stages that are running now."""
    return tuple(stage for stage in stages if stage.id in running_ids)


def _combined_outcome(stages: Sequence[StageRun], running_ids: Collection[int]) -> StageOutcome:
    outcomes = {stage.outcome for stage in stages}
    if any(stage.id in running_ids for stage in stages):
        return StageOutcome.RUNNING
    if StageOutcome.FAILED in outcomes:
        return StageOutcome.FAILED
    # Recorded as running although no process runs it: it was killed.
    return StageOutcome.KILLED if StageOutcome.RUNNING in outcomes else StageOutcome.SUCCEEDED
