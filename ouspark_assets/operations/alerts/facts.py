"""The facts that alert rules are evaluated against, as plain values.

A fact that is None could not be read: a rule about it neither opens nor ends an alert. How facts
are read from the databases and the cache is in `database_facts.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class FailedRun:
    """A failed Dagster run whose work has not succeeded since."""

    # The asset that failed; without one, the step or the job.
    name: str
    release: str | None
    run_id: str
    error: str
    at: datetime
    other_failures: int = 0


@dataclass(frozen=True)
class CommandOutcome:
    """The outcome of a command that ran the graph without a daemon."""

    name: str
    started: datetime
    error: str | None


@dataclass(frozen=True)
class FailedCheck:
    """An asset check whose latest result is a failure."""

    asset: str
    check: str
    is_error: bool
    run_id: str
    at: datetime
    summary: str = ""


@dataclass(frozen=True)
class Scrape:
    """The latest scrape of a release: its hall tickets, and those the site failed to answer."""

    release: str
    run_id: str
    at: datetime
    tickets: int
    failed: int


@dataclass(frozen=True)
class SiteOutage:
    """A results site that does not answer: its index page, or the requests of its latest scrape."""

    # What does not answer, e.g. `www.osmania.ac.in`.
    what: str
    since: datetime
    reason: str


@dataclass(frozen=True)
class VolumeComparison:
    """A number of rows or students, compared with an earlier number."""

    # What is counted, e.g. `rows of clean/marks`.
    measure: str
    asset: str
    release: str | None
    count: int
    baseline_count: int
    # What it is compared with, e.g. `the run before`.
    baseline: str
    at: datetime
    run_id: str | None = None


@dataclass(frozen=True)
class Volumes:
    """The comparisons with the previous run and with the same session a year before."""

    last_run: Sequence[VolumeComparison]
    year_before: Sequence[VolumeComparison]


@dataclass(frozen=True)
class StageDuration:
    """The duration of the latest run of a stage, and of the runs before it, latest first."""

    asset: str
    release: str | None
    run_id: str
    started: datetime
    seconds: float
    is_running: bool
    earlier_seconds: tuple[float, ...]


@dataclass(frozen=True)
class Freshness:
    """Since when production or the cache has been behind its source; None: it is up to date."""

    publication: int | None
    behind_since: datetime | None
    # Why publishing is on hold.
    hold: str | None = None


@dataclass(frozen=True)
class ListedRelease:
    """A release on the index, and whether readers have it."""

    release: str
    title: str
    first_seen_at: datetime
    is_served: bool


@dataclass(frozen=True)
class QuarantinedRecords:
    """Records of a release that were quarantined at the same time and are still open."""

    release: str
    first_seen_at: datetime
    records: int


@dataclass(frozen=True)
class LiveRelease:
    """A new release that recently became available to readers."""

    release: str
    title: str
    students: int
    publication: int
    since: datetime


@dataclass(frozen=True)
class UnhealthyPart:
    """A part of the installation that does not work, as the monitor sees it."""

    part: str
    since: datetime
    reason: str


@dataclass(frozen=True)
class Facts:
    """All facts at one time, and the reasons why some could not be read."""

    at: datetime
    # `OUSPARK_SLA_MINUTES`: how soon after its appearance on the index a release should be served.
    sla: timedelta = timedelta(minutes=30)
    failed_runs: Sequence[FailedRun] | None = None
    command: CommandOutcome | None = None
    failed_checks: Sequence[FailedCheck] | None = None
    scrapes: Sequence[Scrape] | None = None
    # The two are known from different places: Dagster's storage and the development database.
    index_outages: Sequence[SiteOutage] | None = None
    scrape_outages: Sequence[SiteOutage] | None = None
    volumes: Volumes | None = None
    stage_durations: Sequence[StageDuration] | None = None
    publication: Freshness | None = None
    cache: Freshness | None = None
    listed_releases: Sequence[ListedRelease] | None = None
    quarantined: Sequence[QuarantinedRecords] | None = None
    live_releases: Sequence[LiveRelease] | None = None
    # Known to the monitor only.
    unhealthy_parts: Sequence[UnhealthyPart] | None = None
    unavailable: tuple[str, ...] = ()
