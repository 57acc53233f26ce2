"""Maintenance: verifying production, compacting the lake, pruning Dagster's history, dead runs.

The jobs, the schedules that start them (in the time zone of the university), and the sensor that
reports dead runs. No job here removes a page, or a record of a materialization.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from ouspark_assets.orchestration.automation.ingestion import UNIVERSITY_TIMEZONE
from ouspark_assets.orchestration.automation.ticks import (
    initial_schedule_status,
    initial_sensor_status,
)
from ouspark_assets.orchestration.executors.ownership import reap_dead_runs
from ouspark_assets.orchestration.jobs import follow_up
from ouspark_assets.orchestration.keys import PUBLICATION
from ouspark_assets.orchestration.resources import Development, Environment, Lake, Production
from ouspark_assets.orchestration.storage.instance_storage import prune
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.warehouse.publication.verification import TableVerdict, verify

DEAD_RUNS_INTERVAL = 30


@dg.op(out=dg.Out(dg.Nothing), tags={"dagster/kind": "postgres"})
def compare_with_development(
    context: dg.OpExecutionContext, development: Development, production: Production
) -> None:
    """Compare every published row with what development recorded as published."""
    with (
        development.connected("verify production") as source,
        production.connected("verify production") as target,
    ):
        verdict = verify(source, target, PUBLISHED_TABLES)
    for table in verdict.tables:
        context.log.info(f"{table.name}: {table.rows} rows, {_describe(table)}.")
    if verdict.is_clean:
        context.log.info(f"Production equals publication {verdict.publication}.")
        return
    wrong = "; ".join(
        f"{table.name}: {_describe(table)}" for table in verdict.tables if not table.is_clean
    )
    message = (
        f"Production differs from publication {verdict.publication} ({wrong}). To repair it, run "
        "`ouspark publication publish --full`."
    )
    raise dg.Failure(message, allow_retries=False)


@dg.op(out=dg.Out(dg.Nothing), tags={"dagster/kind": "parquet"})
def merge_small_parts(context: dg.OpExecutionContext, lake: Lake) -> None:
    """Merge the small parts of every release into large ones, keeping every answer."""
    archive = lake.archive()
    for release in archive.releases():
        removed = archive.compact(release)
        context.log.info(f"Release {release}: {removed} parts fewer.")


@dg.op(out=dg.Out(dg.Nothing), tags={"dagster/kind": "dagster"})
def remove_old_events(context: dg.OpExecutionContext, environment: Environment) -> None:
    """Remove old events and logs of runs; materializations, observations and checks stay."""
    days = environment.settings.automation.history_days
    before = datetime.now(UTC) - timedelta(days=days)
    old = context.instance.get_runs(dg.RunsFilter(created_before=before))
    finished = [run.run_id for run in old if run.is_finished]
    pruned = prune(context.instance, finished, before)
    context.log.info(
        f"Removed {pruned.events} events and {pruned.files} files older than {days} days."
    )


@dg.job(description="Compare production with development row by row; fails if they differ.")
def verify_production() -> None:
    """Compare production with development."""
    compare_with_development()


@dg.job(description="Merge small parts of the lake into large ones. No page is ever removed.")
def compact_lake() -> None:
    """Compact the lake."""
    merge_small_parts()


@dg.job(
    description="Remove events and logs of runs that are older than OUSPARK_HISTORY_DAYS. "
    "Records of materializations, observations and checks stay."
)
def prune_history() -> None:
    """Prune Dagster's own records."""
    remove_old_events()


def _describe(table: TableVerdict) -> str:
    # Counts only, because the keys of rows are hall tickets.
    if table.differences:
        return f"{len(table.differences)} rows differ"
    return "as published" if table.recorded else "changed since it was published"


@dataclass(frozen=True)
class ScheduledJob:
    """A job and when it runs."""

    name: str
    # Dagster exports no name for the type that `define_asset_job` returns.
    job: Any
    cron: str
    description: str
    run_config: Mapping[str, object] | None = None


# At hours when nothing is published and few people read; an hour apart because runs take turns.
SCHEDULED_JOBS = (
    ScheduledJob(
        "nightly_refresh",
        follow_up,
        "30 2 * * *",
        "Every night: computes everything and compares every published row, which repairs changes "
        "made by hand.",
        {"ops": {PUBLICATION.to_python_identifier(): {"config": {"full": True}}}},
    ),
    ScheduledJob(
        "weekly_verification",
        verify_production,
        "30 3 * * 0",
        "Every Sunday: compares production with development, row by row.",
    ),
    ScheduledJob(
        "monthly_compaction",
        compact_lake,
        "30 4 1 * *",
        "On the first of every month: merges small parts of the lake. No page is ever removed.",
    ),
    ScheduledJob(
        "monthly_pruning",
        prune_history,
        "30 5 1 * *",
        "On the first of every month: removes old events and logs of runs.",
    ),
)


def maintenance_schedules(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """Return a schedule for each of the scheduled jobs."""
    return [
        dg.ScheduleDefinition(
            name=scheduled.name,
            job=scheduled.job,
            cron_schedule=scheduled.cron,
            execution_timezone=UNIVERSITY_TIMEZONE,
            run_config=dict(scheduled.run_config or {}),
            default_status=initial_schedule_status(settings),
            description=scheduled.description,
        )
        for scheduled in SCHEDULED_JOBS
    ]


def dead_runs_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """Return the sensor that reports runs failed whose process is gone."""

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=DEAD_RUNS_INTERVAL,
        default_status=initial_sensor_status(settings),
        description="Reports runs failed whose process was killed. Until then they block the run "
        "queue and everything downstream.",
    )
    def dead_runs(context: dg.SensorEvaluationContext, environment: Environment) -> dg.SkipReason:
        reaped = reap_dead_runs(context.instance, environment.settings)
        for run_id in reaped:
            context.log.warning(f"Run {run_id} was reported failed: its process is gone.")
        return dg.SkipReason(
            f"Reported failed: {', '.join(reaped)}." if reaped else "No dead runs."
        )

    return dead_runs
