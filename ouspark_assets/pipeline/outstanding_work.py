"""Find outstanding work: releases that are not complete or not loaded, and those to recheck.

Frames, the lake and the settings in, releases out; nothing is started here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.settings import AutomationSettings, SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.scrape_request import (
    ScrapeRequest,
    is_complete,
    is_recheckable,
    read_scope,
)

# Colleges come in batches: in the first days "not found" often means "not yet".
FILLING_UP_DAYS = 3
# What has not changed for a week rarely changes within hours, and a recheck may take 10,000
# requests.
FREQUENT_RECHECK_DAYS = 7
HOURS_PER_DAY = 24


@dataclass(frozen=True)
class OutstandingRelease:
    """A release with work left, the reason, and for rechecks the interval between two."""

    release: str
    reason: str
    interval_hours: float = 0


def find_unfinished_releases(
    settings: SiteSettings,
    index: pl.DataFrame,
    loaded: Mapping[str, str],
    archive: PageArchive,
    candidates: Sequence[str],
) -> list[OutstandingRelease]:
    """Return the candidates that are not both archived and loaded."""
    scope = read_scope(settings)
    unfinished: list[OutstandingRelease] = []
    for release in candidates:
        if not is_complete(ScrapeRequest.from_index(index, release), archive, scope):
            unfinished.append(OutstandingRelease(release, "not every ticket has been answered"))
        elif loaded.get(release) != archive.fingerprint(release):
            unfinished.append(OutstandingRelease(release, "some of its pages are not loaded"))
    return unfinished


def find_releases_to_recheck(
    settings: AutomationSettings,
    index: pl.DataFrame,
    pending: Sequence[str],
    candidates: Sequence[str],
    today: date,
) -> list[OutstandingRelease]:
    """Return the candidates whose answers may still change and are likely to."""
    to_recheck: list[OutstandingRelease] = []
    for release in candidates:
        facts = ScrapeRequest.from_index(index, release).facts
        kind = index.filter(pl.col("release") == release)["exam_kind"].item()
        published_on = facts.published_on
        age = today - published_on if published_on else None
        reason = _recheck_reason(kind, age, is_pending=release in pending)
        if reason and is_recheckable(facts, today):
            is_recent = age is not None and age <= timedelta(days=FREQUENT_RECHECK_DAYS)
            hours = settings.recheck_hours if is_recent else HOURS_PER_DAY
            to_recheck.append(OutstandingRelease(release, reason, hours))
    return to_recheck


def _recheck_reason(kind: str, age: timedelta | None, *, is_pending: bool) -> str | None:
    if is_pending:
        return "some of its results will come later"
    if kind == ExamKind.REVALUATION.value:
        return "more revaluations may be decided"
    if age is not None and age <= timedelta(days=FILLING_UP_DAYS):
        return "it was published in the last few days"
    return None
