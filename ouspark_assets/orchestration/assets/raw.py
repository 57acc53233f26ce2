"""The university's answers as received: one scrape per release, into the lake.

Requests and reports are in `pipeline/scrape.py`. How the site is asked, what an answer means and
how it is archived is in `sources/results_site/`.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from ouspark_assets.orchestration.assets.recorded_stage import recorded_stage
from ouspark_assets.orchestration.checks.scrape import (
    MAX_SENTENCES_SHOWN,
    SCRAPE_CHECKS,
    scrape_check_results,
)
from ouspark_assets.orchestration.executors.executor import IN_SCRAPING_QUEUE
from ouspark_assets.orchestration.failures import explained_failure
from ouspark_assets.orchestration.keys import RESULT_PAGES, key_of
from ouspark_assets.orchestration.partitions import release_partitions
from ouspark_assets.orchestration.resources import (
    Development,
    Environment,
    Lake,
    Progress,
    ResultsSite,
)
from ouspark_assets.pipeline.scrape import (
    ScrapeOptions,
    describe_scrape,
    read_request,
    scrape_notices,
)
from ouspark_assets.pipeline.scrape_monitor import monitored_scrape
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.scrape_report import (
    ScrapeProgress,
    ScrapeReport,
    ShowProgress,
)
from ouspark_assets.sources.results_site.scrape_request import read_scope
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock

PROGRESS_LOG_INTERVAL = 5.0


class ScrapeConfig(dg.Config):
    """What to request of a release; with the defaults, whatever is missing in the lake."""

    tickets_file: str | None = Field(
        default=None, description="File with the only hall tickets to request, one per line"
    )
    recheck: bool = Field(
        default=False,
        description="Request tickets that are not found, unchanged, without a result or pending"
        " again (90 days)",
    )
    refetch: bool = Field(default=False, description="Request every ticket again")

    @property
    def options(self) -> ScrapeOptions:
        """The same for the use case."""
        tickets_file = Path(self.tickets_file) if self.tickets_file else None
        return ScrapeOptions(tickets_file, recheck=self.recheck, refetch=self.refetch)


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
    """One answer of the site to one hall ticket, as received, kept forever.

    What is already archived is not requested again. A ticket that the site failed to answer is
    requested first by the next run, and is never taken for a missing student.
    """
    wait = environment.settings.runs.run_wait
    reports: list[ScrapeReport] = []
    urls: dict[str, str] = {}
    for release in context.partition_keys:
        with (
            recorded_stage(context, development, "raw.result_pages", release) as stage,
            development.connected(f"scrape {release} (run {stage.run_id[:8]})") as lock,
            exclusive_lock(lock, Lock.SCRAPE, wait, "Scraping", context.log.info),
        ):
            request = read_request(stage.connection, release, config.options)
            urls[release] = request.facts.url
            show = progress.shown or _progress_logger(context)
            with monitored_scrape(stage.connection, stage.record, urls[release], show) as monitor:
                scope = read_scope(site.settings)
                report = run_scrape(site.settings, request, lake.archive(), scope, progress=monitor)
            context.log.info(describe_scrape(report))
            for notice in scrape_notices(report):
                context.log.warning(notice)
            reports.append(report)
    with explained_failure():
        with development.connected("check scrape") as connection:
            index = read_table(connection, RELEASE_INDEX)
        checks = list(
            scrape_check_results(lake.archive(), index, context.partition_keys, site.settings)
        )
    # The events of a range share one data version, which would be that of no release.
    versions = [lake.archive().fingerprint(release) for release in urls] if len(urls) == 1 else []
    return dg.MaterializeResult(
        metadata=_totals(reports) | _links(urls, lake.location),
        check_results=checks,
        data_version=dg.DataVersion(versions[0]) if versions else None,
    )


def _progress_logger(context: dg.AssetExecutionContext) -> ShowProgress:
    """Return a function that logs a line and partial metadata every few seconds, for the UI."""
    last = time.monotonic()

    def log_progress(progress: ScrapeProgress) -> None:
        nonlocal last
        if time.monotonic() - last < PROGRESS_LOG_INTERVAL:
            return
        last = time.monotonic()
        context.log.info(
            f"Release {progress.release}: {progress.requests} of about {progress.expected} "
            f"requests, {progress.found} found, {progress.not_found} not found, "
            f"{progress.no_result} without a result, {progress.failed} failed, "
            f"{progress.per_second:.0f} per second"
        )
        context.log_event(
            dg.AssetObservation(
                RESULT_PAGES,
                partition=progress.release,
                description="progress so far",
                metadata={
                    "requests": progress.requests,
                    "requests expected": progress.expected,
                    "found": progress.found,
                    "not found": progress.not_found,
                    "no result": progress.no_result,
                    "failed": progress.failed,
                },
            )
        )

    return log_progress


def _links(urls: Mapping[str, str], lake_location: str) -> dict[str, Any]:
    """Return where the pages came from and where they are archived."""
    listed = "\n".join(f"- [{release}]({url})" for release, url in urls.items())
    return {
        "results pages": dg.MetadataValue.md(listed),
        "lake": dg.MetadataValue.path(lake_location),
    }


def _totals(reports: Sequence[ScrapeReport]) -> dict[str, Any]:
    failed: Counter[str] = Counter()
    sentences: Counter[str] = Counter()
    for report in reports:
        failed.update(report.failed_by_cause)
        sentences.update(report.sentences)
    requests = sum(report.requests for report in reports)
    found = sum(report.found for report in reports)
    seconds = sum(report.seconds for report in reports)
    waited = sum(report.seconds_waited_for_site for report in reports)
    return {
        "requests": requests,
        "found": found,
        "not found": sum(report.not_found for report in reports),
        "no change": sum(report.no_change for report in reports),
        "no result": sentences.total(),
        "sentences": dict(sentences.most_common(MAX_SENTENCES_SHOWN)),
        "failed": failed.total(),
        "failed by cause": dict(failed),
        "retries": sum(report.retries for report in reports),
        "archived before": sum(report.already_archived for report in reports),
        "requests per student found": round(requests / found, 3) if found else None,
        "pages per second": round(requests / seconds, 1) if seconds else None,
        "bytes": sum(report.bytes_received for report in reports),
        "seconds": round(seconds, 3),
        "seconds waited for the site": round(waited, 3),
        "complete": all(report.complete for report in reports),
        "notices": [notice for report in reports for notice in scrape_notices(report)],
    }
