"""Scrape a release: what is requested of the results site, and how a scrape is described.

How the site is asked, what an answer means and how it is archived is in `sources/results_site/`.
Recording the progress in the database is in `scrape_monitor.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.domain.hall_tickets import is_hall_ticket
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.scrape_report import ScrapeReport
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, read_scope
from ouspark_assets.sources.results_site.scraper import plan_scrape
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_releases, read_table

# A million tickets. A larger file, or a device that never ends, is not a list of tickets.
MAX_TICKETS_FILE_BYTES = 16_000_000


@dataclass(frozen=True)
class ScrapeOptions:
    """What to request of a release; with the defaults, whatever is missing in the lake."""

    tickets_file: Path | None = None
    recheck: bool = False
    refetch: bool = False


def build_request(
    index: pl.DataFrame,
    release: str,
    options: ScrapeOptions,
    pending: frozenset[str] = frozenset(),
) -> ScrapeRequest:
    """Return the request for a release of the index."""
    tickets_file = options.tickets_file
    return replace(
        ScrapeRequest.from_index(index, release),
        tickets=None if tickets_file is None else read_tickets_file(tickets_file),
        recheck=options.recheck,
        refetch=options.refetch,
        pending=pending,
    )


def read_request(connection: Connection, release: str, options: ScrapeOptions) -> ScrapeRequest:
    """Return the request for a release, with its pending tickets if they are to be rechecked."""
    index = read_table(connection, RELEASE_INDEX)
    pending: frozenset[str] = frozenset()
    if options.recheck:
        marks = read_releases(connection, MARKS, [release])
        pending = frozenset(marks.filter(pl.col("points").is_null())["hall_ticket"])
    return build_request(index, release, options, pending)


def estimate_requests(
    settings: SiteSettings, requests: Sequence[ScrapeRequest], archive: PageArchive
) -> int:
    """Return about how many HTTP requests these scrapes will take."""
    scope, total = read_scope(settings), 0
    for request in requests:
        plan, answered = plan_scrape(request, archive, scope)
        total += max(plan.likely_requests() - len(answered), 0)
    return total


def read_tickets_file(path: Path) -> tuple[str, ...]:
    """Return the hall tickets in a file, one per line, each once.

    Blank lines and lines that start with `#` are skipped. Raises `UsageError` with the reason if
    the file can't be read, is too large, or has a line that is not a hall ticket.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TICKETS_FILE_BYTES + 1)
        if len(content) > MAX_TICKETS_FILE_BYTES:
            message = f"The tickets file {path} has more than {MAX_TICKETS_FILE_BYTES} bytes."
            raise UsageError(message)
        lines = content.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        message = f"The tickets file {path} can't be read: {reason}."
        raise UsageError(message) from error
    tickets: dict[str, None] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if not is_hall_ticket(line):
            message = f"{path}, line {number}: a hall ticket has exactly twelve digits."
            raise UsageError(message)
        tickets[line] = None
    if not tickets:
        message = f"{path} contains no hall tickets."
        raise UsageError(message)
    return tuple(tickets)


def describe_scrape(report: ScrapeReport) -> str:
    """Return the numbers of a scrape as one sentence."""
    return (
        f"Release {report.release}: {report.found} found, {report.not_found} not found, "
        f"{report.no_change} without change, {report.no_result} without a result, "
        f"{report.failed} failed in {report.requests} requests "
        f"({report.seconds:.1f} s); {report.already_archived} were already archived."
    )


def scrape_notices(report: ScrapeReport) -> list[str]:
    """Return what an operator should know about a scrape in addition to its numbers."""
    notices = [text for text in (report.gave_up, report.notice) if text]
    return [f"Release {report.release}: {text}" for text in notices]
