"""Scrapes of one release of a small site."""

from datetime import UTC, datetime
from random import Random

from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.scrape_report import ScrapeReport
from ouspark_assets.sources.results_site.scrape_request import KnownCodes, ScrapeRequest
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets_tests.sources.results_site.small_site import SmallSite

RELEASE = "20250402"
CODES = KnownCodes(("1604", "2453"), ("733", "735"))
STUDENTS = {f"160424733{serial:03d}" for serial in (*range(1, 30), *range(301, 305))}
SETTINGS = SiteSettings(site_read_timeout=2, site_page_timeout=4, site_patience=20)


def request_of(site: SmallSite, **options: object) -> ScrapeRequest:
    facts = ReleaseFacts(
        RELEASE, site.page(), semesters=(1, 3), session_year=2026, session_month=2,
        published_on=datetime.now(UTC).date(),
    )  # fmt: skip
    return ScrapeRequest(facts, (RELEASE,), **options)


def run(
    site: SmallSite, archive: PageArchive, *, settings: SiteSettings = SETTINGS, **options: object
) -> ScrapeReport:
    return run_scrape(settings, request_of(site, **options), archive, CODES, random=Random(1))


def found(archive: PageArchive) -> set[str]:
    frame = archive.answers(RELEASE)
    return set(frame.filter(frame["outcome"] == "found")["hall_ticket"])
