"""The sensor that watches the index page, and starts one run for the results that are new.

It reads the page and nothing else of the site: scraping is for the run. What is new is what
readers would be given by `ouspark run` and no run of this instance has ever scraped.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from ouspark_assets.domain.errors import OuSparkError, SiteError
from ouspark_assets.orchestration.automation.stretches import range_tags, stretches
from ouspark_assets.orchestration.automation.switch import sensors_start
from ouspark_assets.orchestration.automation.under_way import releases_under_way
from ouspark_assets.orchestration.executors.ownership import reap_dead_runs
from ouspark_assets.orchestration.jobs import bring_in_new_results
from ouspark_assets.orchestration.jobs import read_index as read_index_job
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.partitions import (
    RELEASE_PARTITIONS_NAME,
    register_releases,
    releases_to_register,
)
from ouspark_assets.orchestration.resources import Development, Environment, ResultsSite
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.sources.results_site.release_index import (
    find_releases_without_scheme,
    merge_index,
    read_index,
    require_links,
    select_releases,
)
from ouspark_assets.sources.results_site.site_index import IndexPage, fetch_index
from ouspark_assets.warehouse.core.reading import read_table

# Dagster ends an evaluation after 60 s, and an embedded server may have to be started first.
SECONDS_TO_FETCH = 25
# A site that is down is asked again by the next evaluation, not by this one.
TRIES = 2
# What failed is started again, but not by every evaluation.
SECONDS_BETWEEN_ATTEMPTS = 900


@dataclass(frozen=True)
class Seen:
    """What the sensor remembers of the index page from one evaluation to the next."""

    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    left_out: tuple[str, ...] = ()
    unreadable_since: str | None = None

    @classmethod
    def of(cls, cursor: str | None) -> "Seen":
        """What a cursor says; one that can't be read says nothing."""
        try:
            stored = json.loads(cursor or "{}")
            return cls(**{**stored, "left_out": tuple(stored.get("left_out", ()))})
        except (ValueError, TypeError, AttributeError):
            return cls()

    @property
    def cursor(self) -> str:
        """The cursor that says this."""
        return json.dumps(asdict(self), sort_keys=True)

    def page(self, url: str) -> IndexPage | None:
        """The page as it was last read, to ask whether it has changed."""
        return IndexPage(url, None, self.etag, self.last_modified) if self.sha256 else None


@dataclass(frozen=True)
class Findings:
    """What a changed index page means, with what is known already."""

    index: pl.DataFrame
    # Whether the table says what the page says.
    is_known: bool

    @property
    def wanted(self) -> list[str]:
        """The releases to bring in unasked, oldest first."""
        return select_releases(self.index)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The releases that might be wanted, if their titles said more."""
        return tuple(find_releases_without_scheme(self.index))


def new_results_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """The sensor, as often as the settings say."""

    @dg.sensor(
        name="new_results",
        jobs=[bring_in_new_results, read_index_job],
        minimum_interval_seconds=settings.index_interval,
        default_status=sensors_start(settings),
        description="Watches the university's index page. A new B.E. release becomes a partition, "
        "and one run brings in all that are new; everything else follows from it.",
    )
    def new_results(
        context: dg.SensorEvaluationContext,
        development: Development,
        site: ResultsSite,
        environment: Environment,
    ) -> dg.SensorResult:
        seen = Seen.of(context.cursor)
        reap_dead_runs(context.instance, environment.settings)
        try:
            page = fetched(site, seen)
        except OuSparkError as error:
            return _unreadable(context, seen, error)
        digest = None if page.body is None else hashlib.sha256(page.body).hexdigest()
        seen = replace(seen, unreadable_since=None)
        if digest is None or digest == seen.sha256:
            return _nothing("The index page has not changed.", seen)
        try:
            findings = _findings(context, development, page)
        except SiteError as error:
            return _unreadable(context, seen, error)
        read = Seen(page.etag, page.last_modified, digest, findings.left_out)
        return _what_to_start(context, findings, seen, read)

    return new_results


def fetched(site: ResultsSite, seen: Seen) -> IndexPage:
    """The index page, asked for as briefly as a sensor must."""
    settings = site.settings.model_copy(
        update={"site_retries": TRIES, "site_page_timeout": SECONDS_TO_FETCH / TRIES}
    )

    async def in_time() -> IndexPage:
        async with asyncio.timeout(SECONDS_TO_FETCH):
            return await fetch_index(settings, site.url, known=seen.page(site.url))

    try:
        return asyncio.run(in_time())
    except TimeoutError:
        message = f"the index page of {site.url} did not come within {SECONDS_TO_FETCH} s"
        raise SiteError(message) from None


def _findings(
    context: dg.SensorEvaluationContext, development: Development, page: IndexPage
) -> Findings:
    # Its problems are told by the run that reads the page into the table.
    reading = read_index(page.body or b"", page.url, seen_at=datetime.now(UTC))
    require_links(reading, page.url)
    try:
        with development.connected("watch index") as connection:
            known = read_table(connection, RELEASE_INDEX)
    except OuSparkError as error:
        context.log.warning(f"Judged by the index page alone: {error}")
        return Findings(reading.frame, is_known=False)
    index = merge_index(known, reading.frame)
    return Findings(index, is_known=index.sort("release").equals(known.sort("release")))


def _what_to_start(
    context: dg.SensorEvaluationContext, findings: Findings, seen: Seen, read: Seen
) -> dg.SensorResult:
    """The run for what is new; the page counts as read once nothing of it is new any more."""
    instance = context.instance
    register_releases(instance, releases_to_register(findings.index))
    for release in findings.left_out:
        context.log.info(f"Release {release} is left out: its title names neither CBCS nor AICTE.")
    scraped = instance.get_materialized_partitions(RESULT_PAGES)
    new = [release for release in findings.wanted if release not in scraped]
    under_way = releases_under_way(instance)
    if to_start := [release for release in new if release not in under_way]:
        return dg.SensorResult(_runs_for(instance, to_start), cursor=seen.cursor)
    if new:
        return _nothing(f"New and under way: {', '.join(new)}.", seen)
    if not findings.is_known:
        attempt = f"index {read.sha256} {_attempt()}"
        request = dg.RunRequest(run_key=attempt, job_name=read_index_job.name)
        return dg.SensorResult([request], cursor=seen.cursor)
    return _nothing("No new results on the index page.", read)


def _runs_for(instance: dg.DagsterInstance, releases: Sequence[str]) -> list[dg.RunRequest]:
    """One run for all, unless partitions that are not wanted lie in between."""
    registered = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)
    return [
        dg.RunRequest(
            run_key=f"{' '.join(stretch)} {_attempt()}",
            job_name=bring_in_new_results.name,
            partition_key=stretch[0] if len(stretch) == 1 else None,
            tags=dict(range_tags(stretch)),
        )
        for stretch in stretches(releases, registered)
    ]


def _attempt() -> int:
    return int(time.time() // SECONDS_BETWEEN_ATTEMPTS)


def _unreadable(
    context: dg.SensorEvaluationContext, seen: Seen, error: OuSparkError
) -> dg.SensorResult:
    """One line, with since when; what was known stays known."""
    since = seen.unreadable_since or f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    context.log.warning(f"The index can't be read since {since}: {error}")
    return _nothing(f"Since {since}: {error}", replace(seen, unreadable_since=since))


def _nothing(why: str, seen: Seen) -> dg.SensorResult:
    if seen.left_out:
        why += (
            f" Left out, as their titles name neither CBCS nor AICTE: {', '.join(seen.left_out)}; "
            "materialize their partitions, or name them to `ouspark run --release`."
        )
    return dg.SensorResult(skip_reason=why, cursor=seen.cursor)
