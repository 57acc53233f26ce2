"""What happens at night, every week and every month, in the time of the university.

What is done is in the jobs; nothing is decided here but when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from ouspark_assets.orchestration.automation.filling_up import UNIVERSITY_TIMEZONE
from ouspark_assets.orchestration.automation.maintenance import (
    compact_lake,
    prune_history,
    verify_production,
)
from ouspark_assets.orchestration.automation.switch import schedules_start
from ouspark_assets.orchestration.jobs import follow_up
from ouspark_assets.orchestration.keys import PUBLICATION
from ouspark_assets.settings import AutomationSettings

_FULL = {"ops": {PUBLICATION.to_python_identifier(): {"config": {"full": True}}}}


@dataclass(frozen=True)
class Appointment:
    """A job and when it runs."""

    name: str
    # Dagster exports no name for what `define_asset_job` returns.
    job: Any
    cron: str
    description: str
    run_config: Mapping[str, object] | None = None


# At hours when nothing is published and hardly anybody reads; an hour apart, since runs take turns.
APPOINTMENTS = (
    Appointment(
        "nightly_refresh",
        follow_up,
        "30 2 * * *",
        "Every night: computes everything, and compares every published row, so that what was "
        "changed by hand is repaired.",
        _FULL,
    ),
    Appointment(
        "weekly_verification",
        verify_production,
        "30 3 * * 0",
        "Every Sunday: compares production with development, row by row.",
    ),
    Appointment(
        "monthly_compaction",
        compact_lake,
        "30 4 1 * *",
        "Every first of a month: merges small parts of the lake. No page is ever removed.",
    ),
    Appointment(
        "monthly_pruning",
        prune_history,
        "30 5 1 * *",
        "Every first of a month: removes old events and logs of runs.",
    ),
)


def appointments(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """The appointments as schedules."""
    return [
        dg.ScheduleDefinition(
            name=it.name,
            job=it.job,
            cron_schedule=it.cron,
            execution_timezone=UNIVERSITY_TIMEZONE,
            run_config=dict(it.run_config or {}),
            default_status=schedules_start(settings),
            description=it.description,
        )
        for it in APPOINTMENTS
    ]
