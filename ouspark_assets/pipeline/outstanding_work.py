"""What is left to do of the releases that are brought in unasked, and what deserves a recheck.

Frames, the lake and the settings in, releases out; nothing is started here. No dagster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.pipeline.load import fingerprint_of
from ouspark_assets.pipeline.scrape import known_codes
from ouspark_assets.settings import AutomationSettings, SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.scrape_request import (
    ScrapeRequest,
    is_complete,
    is_recheckable,
)

# Colleges come in batches: in the first days "not found" is often only "not yet".
DAYS_OF_FILLING_UP = 3
# What has not changed in a week hardly changes by the hour; a recheck may be 10,000 requests.
DAYS_OF_FREQUENT_RECHECKS = 7
HOURS_OF_A_DAY = 24


@dataclass(frozen=True)
class Outstanding:
    """A release with something left to do, why, and how often at most."""

    release: str
    why: str
    every_hours: float = 0


def unfinished_releases(
    settings: SiteSettings,
    index: pl.DataFrame,
    loaded: Mapping[str, str],
    archive: PageArchive,
    candidates: Sequence[str],
) -> list[Outstanding]:
    """The candidates that are not both archived and loaded."""
    codes = known_codes()
    found: list[Outstanding] = []
    for release in candidates:
        if not is_complete(settings, ScrapeRequest.from_index(index, release), archive, codes):
            found.append(Outstanding(release, "not every ticket has been answered"))
        elif loaded.get(release) != fingerprint_of(archive, release):
            found.append(Outstanding(release, "pages of it are not loaded"))
    return found


def releases_to_recheck(
    settings: AutomationSettings,
    index: pl.DataFrame,
    pending: Sequence[str],
    candidates: Sequence[str],
    today: date,
) -> list[Outstanding]:
    """The candidates whose answers may still change, and can be expected to."""
    found: list[Outstanding] = []
    for release in candidates:
        facts = ScrapeRequest.from_index(index, release).facts
        kind = index.filter(pl.col("release") == release)["exam_kind"].item()
        why = _why_recheck(kind, facts.published_on, today, is_pending=release in pending)
        if why and is_recheckable(facts, today):
            hours = _hours_between(settings, facts.published_on, today)
            found.append(Outstanding(release, why, hours))
    return found


def _why_recheck(kind: str, published_on: date | None, today: date, *, is_pending: bool) -> str:
    if is_pending:
        return "some of its results are to come later"
    if kind == ExamKind.REVALUATION.value:
        return "more revaluations may be decided"
    if published_on and today - published_on <= timedelta(days=DAYS_OF_FILLING_UP):
        return "it was published in the last days"
    return ""


def _hours_between(settings: AutomationSettings, published_on: date | None, today: date) -> float:
    young = published_on and today - published_on <= timedelta(days=DAYS_OF_FREQUENT_RECHECKS)
    return settings.recheck_hours if young else HOURS_OF_A_DAY
