"""What is wanted of a release: which tickets, from which releases, how far to look.

Choices only. Carrying them out is `scrape.py`, whether anything is left to do `completeness.py`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.ticket_plan import SearchScope

RECHECK_DAYS = 90


@dataclass(frozen=True, slots=True)
class ScrapeRequest:
    """What is wanted of a release; without options, what is missing of it."""

    facts: ReleaseFacts
    # All releases known, oldest first: which come before this one decides what is known for it.
    order: tuple[str, ...] = ()
    tickets: tuple[str, ...] | None = None
    recheck: bool = False
    refetch: bool = False
    pending: frozenset[str] = frozenset()
    discover: bool | None = None

    @classmethod
    def from_index(cls, index: pl.DataFrame, release: str) -> "ScrapeRequest":
        """The request for a release of the index, with what comes before it."""
        ordered = in_release_order(index)
        keys = tuple(ordered["release"].to_list())
        if release not in keys:
            message = f"release {release} is not known: see `ouspark releases list`"
            raise SiteError(message)
        row = ordered.row(keys.index(release), named=True)
        return cls(ReleaseFacts.from_row(row), keys)

    @property
    def earlier(self) -> tuple[str, ...]:
        """The releases before this one."""
        key = self.facts.key
        return self.order[: self.order.index(key)] if key in self.order else ()


@dataclass(frozen=True, slots=True)
class KnownCodes:
    """The colleges and branches that are known, by code."""

    colleges: tuple[str, ...]
    branches: tuple[str, ...]


def build_scope(
    settings: SiteSettings, codes: KnownCodes, *, discover: bool | None = None
) -> SearchScope:
    """Where to look for unknown tickets, by the codes that are known and the settings."""
    colleges = dict.fromkeys([*codes.colleges, *settings.site_extra_colleges])
    branches = dict.fromkeys([*codes.branches, *settings.site_extra_branches])
    return SearchScope(
        colleges=tuple(colleges),
        branches=tuple(branches),
        admission_years=tuple(int(year) for year in settings.site_admission_years),
        stop_after_misses=settings.site_stop_after_misses,
        discover=True if settings.site_discover_always else discover,
    )


def is_recheckable(facts: ReleaseFacts, today: date) -> bool:
    """Whether a release is so young that answers may still change."""
    published = facts.published_on
    return published is None or today - published <= timedelta(days=RECHECK_DAYS)


def explain_skipped_recheck(request: ScrapeRequest) -> str | None:
    """Why a recheck asked nothing again; None when it was not wanted, or could."""
    if not request.recheck or is_recheckable(request.facts, datetime.now(UTC).date()):
        return None
    return (
        f"release {request.facts.key}: published on {request.facts.published_on}, more than"
        f" {RECHECK_DAYS} days ago, so its answers are final and were not asked again;"
        " --refetch asks for everything"
    )
