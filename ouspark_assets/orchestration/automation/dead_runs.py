"""The sensor that reports runs failed whose process is gone, so that they hold up nothing.

How a dead run is told from a living one is `ownership.py`.
"""

import dagster as dg

from ouspark_assets.orchestration.automation.switch import sensors_start
from ouspark_assets.orchestration.executors.ownership import reap_dead_runs
from ouspark_assets.orchestration.resources import Environment
from ouspark_assets.settings import AutomationSettings


def dead_runs_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """The sensor."""

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=30,
        default_status=sensors_start(settings),
        description="Reports runs failed whose process was killed: until then they would hold up "
        "the queue and everything that follows.",
    )
    def dead_runs(context: dg.SensorEvaluationContext, environment: Environment) -> dg.SkipReason:
        reaped = reap_dead_runs(context.instance, environment.settings)
        for run_id in reaped:
            context.log.warning(f"Run {run_id} was reported failed: its process is gone.")
        return dg.SkipReason(
            f"Reported failed: {', '.join(reaped)}." if reaped else "Every run is alive."
        )

    return dead_runs
