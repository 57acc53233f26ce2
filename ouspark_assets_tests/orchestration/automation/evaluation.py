"""Evaluating a sensor or schedule once, as the daemon does, and playing the daemon's part after."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import dagster as dg

from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import writing
from ouspark_assets_tests.support.factories import releases


@cache
def definitions() -> dg.Definitions:
    """The graph; putting it together takes a third of a second."""
    return build_definitions()


def evaluate_sensor(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None
) -> Any:
    """One evaluation of a sensor."""
    with (
        dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            definitions=definitions(),
            resources=dict(definitions().resources or {}),
        ) as context,
        dg.partition_loading_context(dynamic_partitions_store=instance),
    ):
        return sensor.evaluate_tick(context)


def evaluate_schedule(
    schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance, when: datetime | None = None
) -> Any:
    """One evaluation of a schedule."""
    with (
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=when or datetime.now(UTC),
            repository_def=definitions().get_repository_def(),
            resources=dict(definitions().resources or {}),
        ) as context,
        dg.partition_loading_context(dynamic_partitions_store=instance),
    ):
        return schedule.evaluate_tick(context)


def submit_run(
    instance: dg.DagsterInstance,
    job: str,
    tags: Mapping[str, str] | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.NOT_STARTED,
) -> dg.DagsterRun:
    """A run as the daemon leaves it in the queue."""
    definition = definitions().resolve_job_def(job)
    return instance.create_run_for_job(
        definition, tags={**definition.tags, **(tags or {})}, status=status
    )


def store_index(connection: Connection, *rows: Mapping[str, object]) -> None:
    """Rows of the release index, in the development database."""
    with writing(connection, "test") as writer:
        writer.merge(RELEASE_INDEX, [releases(*rows)])
