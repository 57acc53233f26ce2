"""Queries about the runs in Dagster's own records that have not finished, or finished lately.

Sensors ask them to start nothing that is queued or running already. Runs whose process was killed
are reported failed by `executors/ownership.py` before anything is asked here.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import dagster as dg

from ouspark_assets.orchestration.partitions import (
    RELEASE_PARTITIONS_NAME,
    has_releases,
    releases_of_run,
)

QUEUED = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
RUNNING = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
FINISHED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)

RUN_KEY_TAG = "dagster/run_key"
# A run that was interrupted is repeated at once, this many times in a retry window.
MAX_REPETITIONS = 3


def find_unfinished_runs(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """Return the runs that are queued or running."""
    return instance.get_runs(dg.RunsFilter(statuses=[*QUEUED, *RUNNING]))


def find_releases_in_progress(instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the releases of all runs that are queued or running."""
    registered = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)
    return frozenset(
        release
        for run in find_unfinished_runs(instance)
        for release in releases_of_run(run, registered)
    )


def was_loading_releases(instance: dg.DagsterInstance, since: datetime) -> bool:
    """Return whether a run of releases has been running at this moment or later.

    Runs that are still queued do not count.
    """
    running = instance.get_runs(dg.RunsFilter(statuses=list(RUNNING)))
    finished = instance.get_runs(dg.RunsFilter(statuses=list(FINISHED), updated_after=since))
    return any(has_releases(run) for run in (*running, *finished))


def is_queued(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> bool:
    """Return whether a run with these tags is queued."""
    return instance.get_runs_count(dg.RunsFilter(statuses=list(QUEUED), tags=dict(tags))) > 0


def find_run_materializing(
    instance: dg.DagsterInstance, asset: dg.AssetKey, jobs: Iterable[str]
) -> dg.DagsterRun | None:
    """Return a queued or running run of one of these jobs, or one that selects the asset."""
    names = frozenset(jobs)
    for run in find_unfinished_runs(instance):
        if run.job_name in names or asset in (run.asset_selection or ()):
            return run
    return None


def find_run_key(instance: dg.DagsterInstance, key: str) -> str:
    """Return the key for a new run, or the key of an earlier run that must not be repeated yet.

    Dagster retries a run whose process was killed, but gives up if user code is not available at
    that moment. Such runs are repeated at once, instead of when the retry window is over.
    """
    keys = [key, *(f"{key} again {number}" for number in range(1, MAX_REPETITIONS + 1))]
    for candidate in keys[:-1]:
        earlier = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: candidate}))
        if not earlier or not all(_was_interrupted(instance, run) for run in earlier):
            return candidate
    return keys[-1]


def _was_interrupted(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Return whether a run failed although none of its steps did."""
    return run.status is dg.DagsterRunStatus.FAILURE and not instance.all_logs(
        run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    )
