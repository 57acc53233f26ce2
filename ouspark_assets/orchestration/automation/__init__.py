"""What happens without a person: sensors, schedules, policies, and the jobs that only they start.

Each module is one of them, thin over what a person would do by a command. What is computed, and
how, is the business of `assets/`; which jobs people start is `jobs.py`.
"""

from typing import Any

import dagster as dg

from ouspark_assets.orchestration.automation.catching_up import unpublished_changes_sensor
from ouspark_assets.orchestration.automation.dead_runs import dead_runs_sensor
from ouspark_assets.orchestration.automation.filling_up import fill_up_schedule
from ouspark_assets.orchestration.automation.lateness import check_lateness, late_results_sensor
from ouspark_assets.orchestration.automation.lineage import lineage_sensor
from ouspark_assets.orchestration.automation.maintenance import (
    compact_lake,
    prune_history,
    verify_production,
)
from ouspark_assets.orchestration.automation.new_results import new_results_sensor
from ouspark_assets.orchestration.automation.schedules import appointments
from ouspark_assets.orchestration.automation.warming import (
    cold_cache_sensor,
    new_publication_sensor,
)
from ouspark_assets.settings import AutomationSettings


def sensors_of(settings: AutomationSettings) -> list[dg.SensorDefinition]:
    """Every sensor, in the order in which results pass them."""
    return [
        new_results_sensor(settings),
        lineage_sensor(settings),
        new_publication_sensor(settings),
        cold_cache_sensor(settings),
        unpublished_changes_sensor(settings),
        late_results_sensor(settings),
        dead_runs_sensor(settings),
    ]


def schedules_of(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """Every schedule."""
    return [fill_up_schedule(settings), *appointments(settings)]


def automatic_jobs() -> list[Any]:
    """The jobs that automation starts and people hardly ever do."""
    return [check_lateness, verify_production, compact_lake, prune_history]
