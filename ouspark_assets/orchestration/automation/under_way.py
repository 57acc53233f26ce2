"""What runs are under way, and on which releases: so that nothing is started that is at work.

Read from Dagster's own records; a run whose process is gone is reaped before anybody looks here.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import dagster as dg

from ouspark_assets.orchestration.partitions import RELEASE_PARTITIONS_NAME

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
AT_WORK = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
UNFINISHED = [*WAITING, *AT_WORK]


def unfinished_runs(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """The runs that wait or are at work."""
    return instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))


def releases_under_way(instance: dg.DagsterInstance) -> frozenset[str]:
    """The releases of unfinished runs, named one by one or as a range."""
    registered = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)
    return frozenset(
        release for run in unfinished_runs(instance) for release in releases_of(run, registered)
    )


def was_loading(instance: dg.DagsterInstance, at: datetime) -> bool:
    """Whether a run about releases was at work at that moment or began since; not if it waits."""
    at_work = instance.get_runs(dg.RunsFilter(statuses=AT_WORK))
    ended_since = instance.get_runs(dg.RunsFilter(statuses=ENDED, updated_after=at))
    return any(
        PARTITION_TAG in run.tags or RANGE_START_TAG in run.tags for run in (*at_work, *ended_since)
    )


def is_waiting(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> bool:
    """Whether a run with these tags waits for its beginning."""
    return instance.get_runs_count(dg.RunsFilter(statuses=WAITING, tags=dict(tags))) > 0


def releases_of(run: dg.DagsterRun, registered: Sequence[str]) -> Sequence[str]:
    """The releases that a run is about."""
    if PARTITION_TAG in run.tags:
        return [run.tags[PARTITION_TAG]]
    ends = [run.tags.get(name) for name in (RANGE_START_TAG, RANGE_END_TAG)]
    if any(end not in registered for end in ends):
        return []
    first, last = (registered.index(str(end)) for end in ends)
    return registered[first : last + 1]


def run_at_work_on(
    instance: dg.DagsterInstance, asset: dg.AssetKey, jobs: Iterable[str]
) -> dg.DagsterRun | None:
    """An unfinished run that materializes the asset: one of these jobs, or one that selects it."""
    names = frozenset(jobs)
    for run in unfinished_runs(instance):
        if run.job_name in names or asset in (run.asset_selection or ()):
            return run
    return None
