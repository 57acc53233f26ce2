"""What Dagster's event log says of its runs: `python -m …` prints a line of JSON.

Per run its beginning and end, and the seconds of each of its steps. Configured by the environment.
"""

import json
import sys

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
                "steps": {
                    step.step_key: step.end_time - step.start_time
                    for step in steps
                    if step.start_time is not None and step.end_time is not None
                },
            }
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    main()
