"""What starts the runs that scrape and load releases: a sensor for new ones, a schedule for others.

`new_results` reads the university's index page and requests one run for the releases that no run
has scraped yet. `fill_up` continues releases that are not complete or not loaded, and rechecks
those whose answers may still change. Neither scrapes: that is done by the runs.
"""

import asyncio
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from ouspark_assets.domain.errors import OuSparkError, SiteError
from ouspark_assets.orchestration.automation.run_queries import (
    find_releases_in_progress,
    find_run_key,
)
from ouspark_assets.orchestration.automation.ticks import (
    initial_schedule_status,
    initial_sensor_status,
    retry_window,
    skip_if_unreachable,
)
from ouspark_assets.orchestration.executors.ownership import reap_dead_runs
from ouspark_assets.orchestration.jobs import bring_in_new_results, bring_in_release
from ouspark_assets.orchestration.jobs import read_index as read_index_job
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.partitions import (
    RELEASE_PARTITIONS_NAME,
    range_tags,
    register_releases,
    select_releases_to_register,
    split_into_ranges,
)
from ouspark_assets.orchestration.resources import Development, Environment, Lake, ResultsSite
from ouspark_assets.pipeline.outstanding_work import (
    OutstandingRelease,
    find_releases_to_recheck,
    find_unfinished_releases,
)
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.sources.results_site.release_index import (
    find_releases_without_scheme,
    merge_index,
    parse_index,
    require_links,
    select_releases,
)
from ouspark_assets.sources.results_site.site_index import IndexPage, fetch_index
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.records.loads import (
    loaded_fingerprints,
    releases_with_pending_results,
)

# Dagster ends a tick after 60 s, and an embedded server may have to be started first.
FETCH_TIMEOUT = 25
# When the site is down, the next tick tries again, not this one.
MAX_FETCH_ATTEMPTS = 2
# Releases whose run failed are requested again after this many seconds at the earliest.
RETRY_INTERVAL = 900
# A scrape waits up to 15 minutes for a site that is down before it fails.
FILL_UP_CRON = "*/15 * * * *"
UNIVERSITY_TIMEZONE = "Asia/Kolkata"
UNREADABLE_SINCE = "%Y-%m-%d %H:%M UTC"
NEW_RESULTS_SENSOR = "new_results"
REASON_TAG = "ouspark/why"
RECHECK_TAG = "ouspark/recheck"


@dataclass(frozen=True)
class IndexCursor:
    """What the sensor `new_results` remembers of the index page from one tick to the next."""

    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    left_out: tuple[str, ...] = ()
    unreadable_since: str | None = None
    unreadable_because: str | None = None

    @classmethod
    def parse(cls, cursor: str | None) -> "IndexCursor":
        """Return the content of a cursor; empty when it cannot be read."""
        try:
            stored = json.loads(cursor or "{}")
            return cls(**{**stored, "left_out": tuple(stored.get("left_out", ()))})
        except (ValueError, TypeError, AttributeError):
            return cls()

    def to_json(self) -> str:
        """Return the cursor to store."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def outage_began(self) -> datetime | None:
        """Since when the page cannot be read; None while it can."""
        if self.unreadable_since is None:
            return None
        return datetime.strptime(self.unreadable_since, UNREADABLE_SINCE).replace(tzinfo=UTC)

    def known_page(self, url: str) -> IndexPage | None:
        """Return the validators of the page as last read, for a conditional request."""
        return IndexPage(url, None, self.etag, self.last_modified) if self.sha256 else None


def new_results_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """Return the sensor that watches the index page."""

    @dg.sensor(
        name=NEW_RESULTS_SENSOR,
        jobs=[bring_in_new_results, read_index_job],
        minimum_interval_seconds=settings.index_interval,
        default_status=initial_sensor_status(settings),
        description="Reads the university's index page. Registers every new B.E. release as a "
        "partition and starts one run that scrapes and loads all new releases.",
    )
    def new_results(
        context: dg.SensorEvaluationContext,
        development: Development,
        site: ResultsSite,
        environment: Environment,
    ) -> dg.SensorResult:
        cursor = IndexCursor.parse(context.cursor)
        reap_dead_runs(context.instance, environment.settings)
        try:
            page = fetch_page(site, cursor)
        except OuSparkError as error:
            return _skip_unreadable(context, cursor, error)
        digest = None if page.body is None else hashlib.sha256(page.body).hexdigest()
        cursor = replace(cursor, unreadable_since=None, unreadable_because=None)
        if digest is None or digest == cursor.sha256:
            return _skip("The index page has not changed.", cursor)
        try:
            index, is_stored = _merge_with_table(context, development, page)
        except SiteError as error:
            return _skip_unreadable(context, cursor, error)
        without_scheme = tuple(find_releases_without_scheme(index))
        as_read = IndexCursor(page.etag, page.last_modified, digest, without_scheme)
        return _request_runs(context, index, cursor, as_read, is_stored=is_stored)

    return new_results


def fetch_page(site: ResultsSite, cursor: IndexCursor) -> IndexPage:
    """Fetch the index page within the time that a tick has."""
    settings = site.settings.model_copy(
        update={
            "site_retries": MAX_FETCH_ATTEMPTS,
            "site_page_timeout": FETCH_TIMEOUT / MAX_FETCH_ATTEMPTS,
        }
    )

    async def fetch_in_time() -> IndexPage:
        async with asyncio.timeout(FETCH_TIMEOUT):
            return await fetch_index(settings, site.url, known=cursor.known_page(site.url))

    try:
        return asyncio.run(fetch_in_time())
    except TimeoutError as error:
        message = f"The index page of {site.url} was not received within {FETCH_TIMEOUT} s."
        raise SiteError(message) from error


def _merge_with_table(
    context: dg.SensorEvaluationContext, development: Development, page: IndexPage
) -> tuple[pl.DataFrame, bool]:
    """Return the index of page and table together, and whether the table has all of it already."""
    # Rows that cannot be parsed are reported by the run that stores the index.
    reading = parse_index(page.body or b"", page.url, seen_at=datetime.now(UTC))
    require_links(reading, page.url)
    try:
        with development.connected("watch index", wait=False) as connection:
            stored = read_table(connection, RELEASE_INDEX)
    except OuSparkError as error:
        context.log.warning(f"New releases are determined from the index page alone: {error}")
        return reading.frame, False
    index = merge_index(stored, reading.frame)
    return index, index.sort("release").equals(stored.sort("release"))


def _request_runs(
    context: dg.SensorEvaluationContext,
    index: pl.DataFrame,
    cursor: IndexCursor,
    as_read: IndexCursor,
    *,
    is_stored: bool,
) -> dg.SensorResult:
    """Request runs for new releases; the page counts as read once it has no new release left."""
    instance = context.instance
    register_releases(instance, select_releases_to_register(index))
    for release in as_read.left_out:
        context.log.info(f"Release {release} skipped: its title names neither CBCS nor AICTE.")
    scraped = instance.get_materialized_partitions(RESULT_PAGES)
    new = [release for release in select_releases(index) if release not in scraped]
    in_progress = find_releases_in_progress(instance)
    if to_start := [release for release in new if release not in in_progress]:
        # One run, unless partitions that are not selected lie in between.
        registered = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)
        requests = [
            dg.RunRequest(
                run_key=find_run_key(
                    instance, f"{' '.join(releases)} {retry_window(RETRY_INTERVAL)}"
                ),
                job_name=bring_in_new_results.name,
                partition_key=releases[0] if len(releases) == 1 else None,
                tags=dict(range_tags(releases)),
            )
            for releases in split_into_ranges(to_start, registered)
        ]
        return dg.SensorResult(requests, cursor=cursor.to_json())
    if new:
        return _skip(f"New releases are queued or running: {', '.join(new)}.", cursor)
    if not is_stored:
        run_key = find_run_key(instance, f"index {as_read.sha256} {retry_window(RETRY_INTERVAL)}")
        request = dg.RunRequest(run_key=run_key, job_name=read_index_job.name)
        return dg.SensorResult([request], cursor=cursor.to_json())
    return _skip("The index page lists no new results.", as_read)


def _skip_unreadable(
    context: dg.SensorEvaluationContext, cursor: IndexCursor, error: OuSparkError
) -> dg.SensorResult:
    """Skip the tick with one line that says since when; everything known so far stays known."""
    since = cursor.unreadable_since or datetime.now(UTC).strftime(UNREADABLE_SINCE)
    context.log.warning(f"The index page cannot be read since {since}: {error}")
    cursor = replace(cursor, unreadable_since=since, unreadable_because=str(error))
    return _skip(f"Since {since}: {error}", cursor)


def _skip(reason: str, cursor: IndexCursor) -> dg.SensorResult:
    if cursor.left_out:
        reason += (
            f" Skipped, because their titles name neither CBCS nor AICTE: "
            f"{', '.join(cursor.left_out)}. To load them, materialize their partitions or use "
            "`ouspark run --release`."
        )
    return dg.SensorResult(skip_reason=reason, cursor=cursor.to_json())


def fill_up_schedule(settings: AutomationSettings) -> dg.ScheduleDefinition:
    """Return the schedule that continues and rechecks releases."""

    @dg.schedule(
        name="fill_up",
        job=bring_in_release,
        cron_schedule=FILL_UP_CRON,
        execution_timezone=UNIVERSITY_TIMEZONE,
        default_status=initial_schedule_status(settings),
        description="Continues releases that are not complete or not loaded, and rechecks those "
        "whose answers may still change: results announced for later, revaluations, and releases "
        "of the last days.",
    )
    @skip_if_unreachable
    def fill_up(
        context: dg.ScheduleEvaluationContext,
        development: Development,
        lake: Lake,
        site: ResultsSite,
        environment: Environment,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        reap_dead_runs(context.instance, environment.settings)
        with development.connected("fill up", wait=False) as connection:
            index = read_table(connection, RELEASE_INDEX)
            tables = loaded_fingerprints(connection)
            candidates = select_releases(index)
            pending = releases_with_pending_results(connection, candidates)
        unfinished = find_unfinished_releases(
            site.settings, index, tables, lake.archive(), candidates
        )
        today = datetime.now(UTC).date()
        to_recheck = find_releases_to_recheck(settings, index, pending, candidates, today)

        in_progress = find_releases_in_progress(context.instance)
        requests = [
            _request_release(work) for work in unfinished if work.release not in in_progress
        ]
        handled = in_progress.union(work.release for work in unfinished)
        now = context.scheduled_execution_time.timestamp()
        for work in to_recheck:
            recheck = f"{work.release} {int(now // (work.interval_hours * 3600))}"
            # Run keys of a schedule count for one tick only; tags of runs stay.
            before = dg.RunsFilter(tags={RECHECK_TAG: recheck})
            if work.release not in handled and not context.instance.get_runs_count(before):
                requests.append(_request_release(work, recheck))
        register_releases(context.instance, [work.release for work in unfinished])
        return requests or dg.SkipReason(
            "Every release is complete and loaded, and no recheck is due."
        )

    return fill_up


def _request_release(work: OutstandingRelease, recheck: str | None = None) -> dg.RunRequest:
    tags, config = {REASON_TAG: work.reason}, {}
    if recheck is not None:
        tags[RECHECK_TAG] = recheck
        config["ops"] = {RESULT_PAGES.to_python_identifier(): {"config": {"recheck": True}}}
    return dg.RunRequest(
        run_key=work.release, partition_key=work.release, tags=tags, run_config=config
    )
