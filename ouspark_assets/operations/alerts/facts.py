"""How things stand, in plain values: everything that rules are held against.

What is None could not be looked at: rules about it neither begin nor end anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class FailedRun:
    """A run of Dagster that failed and that nothing has made up for since."""

    what: str
    release: str | None
    run_id: str
    error: str
    at: datetime
    other_failures: int = 0


@dataclass(frozen=True)
class Command:
    """A command that ran the graph without a daemon, from its beginning to its end."""

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
    said: str = ""


@dataclass(frozen=True)
class Scrape:
    """The latest scrape of a release: its tickets, and those the site failed to answer."""

    release: str
    run_id: str
    at: datetime
    tickets: int
    failed: int


@dataclass(frozen=True)
class Volume:
    """Rows of an asset, or students of a release, beside what they are compared with."""

    what: str
    asset: str
    release: str | None
    rows: int
    before: int
    before_name: str
    at: datetime
    run_id: str | None = None


@dataclass(frozen=True)
class Volumes:
    """Both comparisons, each with what it needs."""

    last_run: Sequence[Volume]
    year_before: Sequence[Volume]


@dataclass(frozen=True)
class StageTime:
    """How long a stage took or is taking, and what the same stage took before, latest first."""

    asset: str
    release: str | None
    run_id: str
    started: datetime
    seconds: float
    is_running: bool
    earlier: tuple[float, ...]


@dataclass(frozen=True)
class Freshness:
    """Since when production or the cache lacks what is newer above it; None: it does not."""

    publication: int | None
    behind_since: datetime | None
    held: str | None = None


@dataclass(frozen=True)
class Arrival:
    """A release that the index has shown, and whether readers have it."""

    release: str
    title: str
    first_seen_at: datetime
    with_readers: bool


@dataclass(frozen=True)
class Quarantined:
    """Records of a release that went to quarantine at a moment and are still open."""

    release: str
    first_seen_at: datetime
    records: int


@dataclass(frozen=True)
class LiveRelease:
    """A new release that readers have since lately."""

    release: str
    title: str
    students: int
    publication: int
    since: datetime


@dataclass(frozen=True)
class Facts:
    """Everything, as it was at a moment, and why parts of it are not known."""

    at: datetime
    # In what time readers should have what the index shows, unless a rule says otherwise.
    sla: timedelta = timedelta(minutes=30)
    failed_runs: Sequence[FailedRun] | None = None
    command: Command | None = None
    failed_checks: Sequence[FailedCheck] | None = None
    scrapes: Sequence[Scrape] | None = None
    volumes: Volumes | None = None
    stage_times: Sequence[StageTime] | None = None
    publication: Freshness | None = None
    cache: Freshness | None = None
    arrivals: Sequence[Arrival] | None = None
    quarantined: Sequence[Quarantined] | None = None
    live: Sequence[LiveRelease] | None = None
    unknown: tuple[str, ...] = ()
