"""When a release is complete, and the note in the lake that says so.

Complete means that every planned ticket had an answer. What the note depends on is decided here;
what is planned is `plan.py`.
"""

from datetime import UTC, datetime

from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.scrape_request import (
    KnownCodes,
    ScrapeRequest,
    build_scope,
)
from ouspark_assets.sources.results_site.ticket_plan import TicketPlan


def is_complete(
    settings: SiteSettings, request: ScrapeRequest, archive: PageArchive, codes: KnownCodes
) -> bool:
    """Whether every ticket planned for a release had an answer, and nothing was added since."""
    marker = archive.marker(request.facts.key)
    if marker is None:
        return False
    return bool(marker.get("plan") == _fingerprint(settings, request, archive, codes))


def _fingerprint(
    settings: SiteSettings, request: ScrapeRequest, archive: PageArchive, codes: KnownCodes
) -> str:
    """What completeness depends on: where was looked, or which earlier releases were known.

    Colleges and branches that are added later are looked for in every release again, which asks
    only for what is not archived.
    """
    scope = build_scope(settings, codes)
    if scope.discover or not request.facts.known_only:
        return scope.fingerprint()
    known = sorted(set(archive.releases()).intersection(request.earlier))
    return "known:" + ",".join(known)


def mark_complete(
    settings: SiteSettings,
    request: ScrapeRequest,
    archive: PageArchive,
    codes: KnownCodes,
    plan: TicketPlan,
) -> None:
    """Note that every ticket of the plan had an answer, and which cohorts were searched."""
    archive.mark(
        request.facts.key,
        {
            "plan": _fingerprint(settings, request, archive, codes),
            "searched": [year for year in plan.years if request.facts.is_full(year)],
            "finished_at": datetime.now(UTC).isoformat(),
        },
    )


def searched_before(
    settings: SiteSettings, archive: PageArchive, codes: KnownCodes, request: ScrapeRequest
) -> set[int]:
    """The cohorts that a release before this one was searched for, as widely as now."""
    scope = build_scope(settings, codes, discover=request.discover).fingerprint()
    earlier = set(archive.releases()).intersection(request.earlier)
    markers = [marker for release in earlier if (marker := archive.marker(release))]
    return {
        int(year)
        for marker in markers
        if marker.get("plan") == scope
        for year in marker.get("searched", ())
    }
