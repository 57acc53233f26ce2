"""The state of the whole: releases, publication, cache, quarantine, services, in plain values."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ouspark_assets.operations.status.runs import LastRun, StageRun
from ouspark_assets.warehouse.records.site_health import ScrapeUnderWay, SiteHealth


@dataclass(frozen=True)
class ReleaseState:
    """A release that `ouspark run` would look at, and what is missing of it."""

    release: str
    title: str
    complete: bool
    loaded: bool
    unanswered: int

    @property
    def stale_because(self) -> str | None:
        """What is missing; None when nothing is."""
        parts = [
            None if self.complete else "not scraped to its end",
            f"{self.unanswered} tickets without an answer" if self.unanswered else None,
            None if self.loaded else "the tables lack pages of the lake",
        ]
        return "; ".join(part for part in parts if part) or None


@dataclass(frozen=True)
class PublicationState:
    """What production has; `behind` when development has changed since."""

    number: int | None
    published_at: datetime | None
    behind: bool
    held: str | None
    problem: str | None


@dataclass(frozen=True)
class CacheState:
    """What the cache has; `behind` when it is not of the newest publication."""

    generation: str | None
    publication: int | None
    built_at: datetime | None
    behind: bool
    problem: str | None


@dataclass(frozen=True)
class QuarantineReason:
    """How many open records there are for one reason."""

    table_name: str
    reason: str
    records: int


@dataclass(frozen=True)
class ServiceState:
    """A server that is used."""

    setting: str
    state: str
    address: str | None


@dataclass(frozen=True)
class Status:
    """Everything on one screen."""

    last_run: LastRun | None
    running: tuple[StageRun, ...]
    scrapes: tuple[ScrapeUnderWay, ...]
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
    def stale(self) -> tuple[str, ...]:
        """What the next run would bring up to date, a line each."""
        return tuple(self._stale())

    def _stale(self) -> Iterator[str]:
        for release in self.releases:
            if release.stale_because:
                yield f"release {release.release}: {release.stale_because}"
        if self.publication.behind:
            yield "production: development has changed since its publication"
        if self.cache.behind:
            yield "cache: it is not of the newest publication"
