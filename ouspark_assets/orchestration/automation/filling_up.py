"""The schedule that goes on with releases that are not done.

Incomplete, not loaded, or so young that answers may still change: which those are is
`outstanding.py`; how a release is scraped and loaded, the job's business.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.automation.switch import schedules_start
from ouspark_assets.orchestration.automation.under_way import releases_under_way
from ouspark_assets.orchestration.executors.ownership import reap_dead_runs
from ouspark_assets.orchestration.jobs import bring_in_release
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.orchestration.resources import Development, Environment, Lake, ResultsSite
from ouspark_assets.pipeline.outstanding_work import (
    Outstanding,
    releases_to_recheck,
    unfinished_releases,
)
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import AutomationSettings, SiteSettings
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.reading import read_table
from ouspark_assets.warehouse.records.loads import loaded
from ouspark_assets.warehouse.records.outstanding import releases_with_pending_results

# A scrape that failed for the site's sake has been patient for a quarter of an hour already.
EVERY_QUARTER_OF_AN_HOUR = "*/15 * * * *"
UNIVERSITY_TIMEZONE = "Asia/Kolkata"
WHY_TAG = "ouspark/why"
RECHECK_TAG = "ouspark/recheck"


def fill_up_schedule(settings: AutomationSettings) -> dg.ScheduleDefinition:
    """The schedule."""

    @dg.schedule(
        name="fill_up",
        job=bring_in_release,
        cron_schedule=EVERY_QUARTER_OF_AN_HOUR,
        execution_timezone=UNIVERSITY_TIMEZONE,
        default_status=schedules_start(settings),
        description="Goes on with releases that are not complete or not loaded, and asks again "
        "for what may still change: results that come later, revaluations, the first days.",
    )
    def fill_up(
        context: dg.ScheduleEvaluationContext,
        development: Development,
        site: ResultsSite,
        lake: Lake,
        environment: Environment,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        reap_dead_runs(context.instance, environment.settings)
        try:
            unfinished, to_recheck = _outstanding(settings, site.settings, development, lake)
        except OuSparkError as error:
            return dg.SkipReason(str(error))
        now = context.scheduled_execution_time
        under_way = releases_under_way(context.instance)
        requests = [_request(it) for it in unfinished if it.release not in under_way]
        asked = under_way.union(it.release for it in unfinished)
        for it in to_recheck:
            turn = f"{it.release} {int(now.timestamp() // (it.every_hours * 3600))}"
            if it.release not in asked and not _has_been(context.instance, turn):
                requests.append(_request(it, recheck=turn))
        register_releases(context.instance, [it.release for it in unfinished])
        return requests or dg.SkipReason("Every release is complete, loaded and lately rechecked.")

    return fill_up


def _outstanding(
    settings: AutomationSettings, site: SiteSettings, development: Development, lake: Lake
) -> tuple[Sequence[Outstanding], Sequence[Outstanding]]:
    """The releases to go on with, and those to ask again about."""
    with development.connected("fill up") as connection:
        index = read_table(connection, RELEASE_INDEX)
        tables = loaded(connection)
        candidates = select_releases(index)
        pending = releases_with_pending_results(connection, candidates)
    unfinished = unfinished_releases(site, index, tables, lake.archive(), candidates)
    today = datetime.now(UTC).date()
    return unfinished, releases_to_recheck(settings, index, pending, candidates, today)


def _request(it: Outstanding, recheck: str | None = None) -> dg.RunRequest:
    tags = {WHY_TAG: it.why}
    if recheck is None:
        return dg.RunRequest(run_key=it.release, partition_key=it.release, tags=tags)
    config = {RESULT_PAGES.to_python_identifier(): {"config": {"recheck": True}}}
    return dg.RunRequest(
        run_key=it.release,
        partition_key=it.release,
        tags=tags | {RECHECK_TAG: recheck},
        run_config={"ops": config},
    )


def _has_been(instance: dg.DagsterInstance, turn: str) -> bool:
    """Schedules forget their run keys from one tick to the next; runs keep their tags."""
    return instance.get_runs_count(dg.RunsFilter(tags={RECHECK_TAG: turn})) > 0
