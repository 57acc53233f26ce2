"""What a scrape of one release asks for, and whether the release is complete already.

A request says which tickets, a search scope says where to look for unknown ones, and a marker in
the lake says that every planned ticket had an answer. `ticket_plan.py` turns a request into
tickets, `scraper.py` carries it out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.reference_files import read_branches, read_colleges
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.ticket_plan import SearchScope, TicketPlan

RECHECK_DAYS = 90


@dataclass(frozen=True, slots=True)
class ScrapeRequest:
    """What is asked of a release; without options, the tickets that have no answer yet."""

    facts: ReleaseFacts
    # The keys of all known releases, oldest first. Students of the earlier ones are known tickets.
    order: tuple[str, ...] = ()
    tickets: tuple[str, ...] | None = None
    recheck: bool = False
    refetch: bool = False
    # Tickets with pending grades, which a recheck requests again.
    pending: frozenset[str] = frozenset()
    discover: bool | None = None

    @classmethod
    def from_index(cls, index: pl.DataFrame, release: str) -> "ScrapeRequest":
        """Return the request for a release of the index."""
        ordered = in_release_order(index)
        keys = tuple(ordered["release"].to_list())
        if release not in keys:
            message = f"Release {release} is not known. See `ouspark releases list`."
            raise UsageError(message)
        row = ordered.row(keys.index(release), named=True)
        return cls(ReleaseFacts.from_row(row), keys)

    @property
    def earlier(self) -> tuple[str, ...]:
        """The releases before this one."""
        key = self.facts.key
        return self.order[: self.order.index(key)] if key in self.order else ()

    def narrow(self, scope: SearchScope) -> SearchScope:
        """Return the scope with `discover` of this request, unless the settings turn it on."""
        return scope if scope.discover else replace(scope, discover=self.discover)


def build_scope(
    settings: SiteSettings, colleges: Iterable[str], branches: Iterable[str]
) -> SearchScope:
    """Return where to look for unknown tickets: these codes and those of the settings."""
    return SearchScope(
        colleges=tuple(dict.fromkeys([*colleges, *settings.site_extra_colleges])),
        branches=tuple(dict.fromkeys([*branches, *settings.site_extra_branches])),
        admission_years=tuple(int(year) for year in settings.site_admission_years),
        stop_after_misses=settings.site_stop_after_misses,
        discover=True if settings.site_discover_always else None,
    )


def read_scope(settings: SiteSettings) -> SearchScope:
    """Return the scope with the codes of the reference files."""
    return build_scope(settings, read_colleges()["college_code"], read_branches()["branch_code"])


# Rechecks


def is_recheckable(facts: ReleaseFacts, today: date) -> bool:
    """Return whether a release is so young that answers may still change."""
    published = facts.published_on
    return published is None or today - published <= timedelta(days=RECHECK_DAYS)


def explain_skipped_recheck(request: ScrapeRequest) -> str | None:
    """Return why a recheck requested nothing again; None if it was not asked for or did."""
    if not request.recheck or is_recheckable(request.facts, datetime.now(UTC).date()):
        return None
    return (
        f"its answers were not requested again, because it was published on"
        f" {request.facts.published_on}, more than {RECHECK_DAYS} days ago, and they are final."
        " Use --refetch to request everything again."
    )


# Completeness


def is_complete(request: ScrapeRequest, archive: PageArchive, scope: SearchScope) -> bool:
    """Return whether every planned ticket had an answer and the plan would be the same today."""
    marker = archive.read_marker(request.facts.key)
    plan = _plan_fingerprint(request, archive, scope)
    return marker is not None and bool(marker.get("plan") == plan)


def mark_complete(
    request: ScrapeRequest, archive: PageArchive, scope: SearchScope, plan: TicketPlan
) -> None:
    """Write the marker that every ticket of the plan had an answer, with the cohorts searched."""
    archive.write_marker(
        request.facts.key,
        {
            "plan": _plan_fingerprint(request, archive, scope),
            "searched": [year for year in plan.years if request.facts.is_full(year)],
            "finished_at": datetime.now(UTC).isoformat(),
        },
    )


def find_searched_cohorts(
    request: ScrapeRequest, archive: PageArchive, scope: SearchScope
) -> set[int]:
    """Return the cohorts for which an earlier release was searched with the same scope."""
    searched = request.narrow(scope).fingerprint()
    earlier = set(archive.releases()).intersection(request.earlier)
    markers = [marker for release in earlier if (marker := archive.read_marker(release))]
    return {
        int(year)
        for marker in markers
        if marker.get("plan") == searched
        for year in marker.get("searched", ())
    }


def _plan_fingerprint(request: ScrapeRequest, archive: PageArchive, scope: SearchScope) -> str:
    """Return what completeness depends on: the search scope, or the earlier releases known.

    A college or branch that is added later reopens every release. The scrape then requests only
    what is not archived.
    """
    if scope.discover or not request.facts.known_only:
        return scope.fingerprint()
    known = sorted(set(archive.releases()).intersection(request.earlier))
    return "known:" + ",".join(known)
