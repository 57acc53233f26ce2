"""The university's answers as received: one scrape per release, into the lake.

How the site is asked, what an answer means and how it is archived is `site/`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.domain.hall_tickets import is_hall_ticket
from ouspark_assets.orchestration.assets.stage import Work, stage
from ouspark_assets.orchestration.assets.watching import watched
from ouspark_assets.orchestration.checks.scrape import SCRAPE_CHECKS, scrape_check_results
from ouspark_assets.orchestration.executors.executor import IN_SCRAPING_QUEUE
from ouspark_assets.orchestration.keys import RESULT_PAGES, key_of
from ouspark_assets.orchestration.partitions import release_partitions
from ouspark_assets.orchestration.resources import (
    Development,
    Environment,
    Lake,
    Progress,
    ResultsSite,
)
from ouspark_assets.pipeline.scrape import known_codes
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.scrape_report import ScrapeProgress as Snapshot
from ouspark_assets.sources.results_site.scrape_report import ScrapeReport, ShowProgress
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets.warehouse.core.frames import read_releases, read_table
from ouspark_assets.warehouse.core.locks import Lock, alone

SECONDS_BETWEEN_LOG_LINES = 5.0
# A million tickets; what goes on and on is no file of tickets.
LARGEST_TICKETS_FILE = 16_000_000


class ScrapeConfig(dg.Config):
    """What is asked of a release; without any of it, whatever is missing."""

    tickets_file: str | None = Field(
        default=None, description="File with exactly the hall tickets to ask, one per line"
    )
    recheck: bool = Field(
        default=False, description="Ask again for not found, unchanged and pending ones (90 days)"
    )
    refetch: bool = Field(default=False, description="Ask again for everything")


@dg.asset(
    key=RESULT_PAGES,
    deps=[key_of(RELEASE_INDEX)],
    group_name="raw",
    kinds={"httpx", "html", "parquet"},
    partitions_def=release_partitions,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=SCRAPE_CHECKS,
    op_tags=IN_SCRAPING_QUEUE,
)
def result_pages(
    context: dg.AssetExecutionContext,
    config: ScrapeConfig,
    development: Development,
    site: ResultsSite,
    lake: Lake,
    environment: Environment,
    progress: Progress,
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # dagster knows only the bare name
    """One answer of the site to one hall ticket, as received, kept for ever.

    Whatever is archived already is not asked again; what the site failed to answer is asked
    first by the next run, and never taken for a missing student.
    """
    wait = environment.settings.runs.run_wait
    reports: list[ScrapeReport] = []
    pages: dict[str, str] = {}
    for release in context.partition_keys:
        with (
            stage(context, development, "raw.result_pages", release) as work,
            development.connected(f"scrape {release} (run {context.run.run_id[:8]})") as lock,
            alone(lock, Lock.SCRAPE, wait, "Scraping", context.log.info),
        ):
            asked = _request(work, release, config)
            pages[release] = asked.facts.url
            with watched(work, asked.facts.url, progress.shown or _logged(context)) as shown:
                report = run_scrape(
                    site.settings, asked, lake.archive(), known_codes(), progress=shown
                )
            context.log.info(_sentence(report))
            for said in notices(report):
                context.log.warning(said)
            reports.append(report)
    with development.connected("check scrape") as connection:
        index = read_table(connection, RELEASE_INDEX)
    checks = scrape_check_results(lake.archive(), index, context.partition_keys, site.settings)
    metadata = _metadata(reports) | _links(pages, lake)
    return dg.MaterializeResult(metadata=metadata, check_results=list(checks))


def _request(work: Work, release: str, config: ScrapeConfig) -> ScrapeRequest:
    index = read_table(work.connection, RELEASE_INDEX)
    pending: frozenset[str] = frozenset()
    if config.recheck:
        marks = read_releases(work.connection, MARKS, [release])
        pending = frozenset(marks.filter(pl.col("points").is_null())["hall_ticket"])
    return replace(
        ScrapeRequest.from_index(index, release),
        tickets=tickets_of(Path(config.tickets_file)) if config.tickets_file else None,
        recheck=config.recheck,
        refetch=config.refetch,
        pending=pending,
    )


def tickets_of(path: Path) -> tuple[str, ...]:
    """The hall tickets in a file, one per line; blank lines and comments (#) are passed over."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_TICKETS_FILE + 1)
        if len(content) > LARGEST_TICKETS_FILE:
            message = f"The file of tickets {path} has more than {LARGEST_TICKETS_FILE} bytes."
            raise SiteError(message)
        lines = content.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        message = f"The file of tickets {path} can't be read: {reason}."
        raise SiteError(message) from None
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    tickets = [(number, text) for number, text in numbered if text and not text.startswith("#")]
    for number, text in tickets:
        if not is_hall_ticket(text):
            message = f"{path}, line {number}: a hall ticket has twelve digits, and nothing else."
            raise SiteError(message)
    if not tickets:
        message = f"The file of tickets {path} names no ticket."
        raise SiteError(message)
    return tuple(dict.fromkeys(text for _, text in tickets))


def _logged(context: dg.AssetExecutionContext) -> ShowProgress:
    """A log line and partial metadata now and then, for whoever watches the run in the UI."""
    last = time.monotonic()

    def show(snapshot: Snapshot) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LOG_LINES:
            last = time.monotonic()
            context.log.info(
                f"Release {snapshot.release}: {snapshot.requests} of about {snapshot.expected} "
                f"requests, {snapshot.found} found, {snapshot.not_found} not found, "
                f"{snapshot.failed} failed, {snapshot.per_second:.0f} a second"
            )
            context.log_event(
                dg.AssetObservation(
                    RESULT_PAGES,
                    partition=snapshot.release,
                    description="so far",
                    metadata={
                        "requests": snapshot.requests,
                        "requests expected": snapshot.expected,
                        "found": snapshot.found,
                        "not found": snapshot.not_found,
                        "failed": snapshot.failed,
                    },
                )
            )

    return show


def _sentence(report: ScrapeReport) -> str:
    return (
        f"Release {report.release}: {report.found} found, {report.not_found} not found, "
        f"{report.no_change} without change, {report.failed} failed in {report.requests} requests "
        f"({report.seconds:.1f} s); {report.already_archived} were archived already."
    )


def notices(report: ScrapeReport) -> list[str]:
    """What whoever watches should know of a scrape beside its numbers."""
    said = [text for text in (report.gave_up, report.notice) if text]
    return [f"Release {report.release}: {text}" for text in said]


def _links(pages: Mapping[str, str], lake: Lake) -> dict[str, Any]:
    """Where the pages came from, and where they are now."""
    listed = "\n".join(f"- [{release}]({url})" for release, url in pages.items())
    return {
        "results pages": dg.MetadataValue.md(listed),
        "lake": dg.MetadataValue.path(lake.location),
    }


def _metadata(reports: Sequence[ScrapeReport]) -> dict[str, Any]:
    failed: dict[str, int] = {}
    for report in reports:
        for cause, count in report.failed_by_cause.items():
            failed[cause] = failed.get(cause, 0) + count
    requests, found = sum(it.requests for it in reports), sum(it.found for it in reports)
    seconds = sum(it.seconds for it in reports)
    return {
        "requests": requests,
        "found": found,
        "not found": sum(it.not_found for it in reports),
        "no change": sum(it.no_change for it in reports),
        "failed": sum(failed.values()),
        "failed by cause": failed,
        "retries": sum(it.retries for it in reports),
        "archived before": sum(it.already_archived for it in reports),
        "requests per student found": round(requests / found, 3) if found else None,
        "pages per second": round(requests / seconds, 1) if seconds else None,
        "bytes": sum(it.bytes_received for it in reports),
        "seconds": round(seconds, 3),
        "seconds waited for the site": round(sum(it.seconds_waited_for_site for it in reports), 3),
        "complete": all(it.complete for it in reports),
        "notices": [said for report in reports for said in notices(report)],
    }
