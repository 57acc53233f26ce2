"""Program for the benchmarks: prints the times of every run, from Dagster's event log, as JSON.

For each run: start and end, the total seconds of the steps that materialize assets, and of the
other steps, which are checks. Configured by the environment; called with `python -m`.
"""

import json
import sys
from typing import Any

import dagster as dg


def main() -> None:
    """Print the times of every run of the instance."""
    times = {}
    with dg.DagsterInstance.get() as instance:
        for record in instance.get_run_records():
            steps = instance.get_run_step_stats(record.dagster_run.run_id)
            times[record.dagster_run.run_id] = {
                "start": record.start_time,
                "end": record.end_time,
                "assets": sum(_seconds(step) for step in steps if step.materialization_events),
                "checks": sum(_seconds(step) for step in steps if not step.materialization_events),
            }
    sys.stdout.write(json.dumps(times) + "\n")


def _seconds(step: Any) -> float:
    finished = step.start_time is not None and step.end_time is not None
    return float(step.end_time - step.start_time) if finished else 0.0


if __name__ == "__main__":
    main()
