"""What runs without an operator: sensors, schedules, policies, and the jobs that only they start.

A module per subject: `ingestion` (new and unfinished releases), `lineage` (what is recomputed),
`cache_sensors`, `maintenance`, `alert_evaluation`. Assets are in `assets/`, the jobs that people
start in `jobs.py`.
"""

import dagster as dg

from ouspark_assets.orchestration.automation.alert_evaluation import alert_sensor
from ouspark_assets.orchestration.automation.cache_sensors import (
    cold_cache_sensor,
    late_results_sensor,
    new_publication_sensor,
)
from ouspark_assets.orchestration.automation.ingestion import fill_up_schedule, new_results_sensor
from ouspark_assets.orchestration.automation.lineage import (
    lineage_sensor,
    unpublished_changes_sensor,
)
from ouspark_assets.orchestration.automation.maintenance import (
    compact_lake,
    dead_runs_sensor,
    maintenance_schedules,
    prune_history,
    verify_production,
)
from ouspark_assets.orchestration.checks.timeliness import check_lateness
from ouspark_assets.settings import AutomationSettings

AUTOMATIC_JOBS = (check_lateness, verify_production, compact_lake, prune_history)


def all_sensors(settings: AutomationSettings) -> list[dg.SensorDefinition]:
    """Return every sensor, in the order in which results pass them."""
    return [
        new_results_sensor(settings),
        lineage_sensor(settings),
        new_publication_sensor(settings),
        cold_cache_sensor(settings),
        unpublished_changes_sensor(settings),
        late_results_sensor(settings),
        dead_runs_sensor(settings),
        alert_sensor(settings),
    ]


def all_schedules(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """Return every schedule."""
    return [fill_up_schedule(settings), *maintenance_schedules(settings)]
