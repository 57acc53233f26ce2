"""All declared checks, and the latest results of the blocking ones, from whichever run.

In Dagster a failed blocking check stops the assets downstream in the same run only; a later run
ignores it. The publication and the sensors therefore ask for the latest results here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg

from ouspark_assets.orchestration.checks.analytics import analytics_checks
from ouspark_assets.orchestration.checks.models import model_checks, reference_checks
from ouspark_assets.orchestration.checks.pages import PAGE_CHECKS
from ouspark_assets.orchestration.checks.scrape import SCRAPE_CHECKS
from ouspark_assets.orchestration.checks.timeliness import readers_have_new_results_in_time
from ouspark_assets.orchestration.storage.instance_storage import storage_errors
from ouspark_assets.settings import Settings

# Executions of one check that are searched for the last one with a result.
MAX_EXECUTIONS_SEARCHED = 100


@dataclass(frozen=True)
class CheckResult:
    """The latest result of a check, the run that evaluated it, and when."""

    evaluation: dg.AssetCheckEvaluation
    run_id: str
    timestamp: float


def standalone_checks() -> Sequence[dg.AssetChecksDefinition]:
    """Return the checks that are steps of their own; the others are evaluated by their asset."""
    return [
        *model_checks(),
        *reference_checks(),
        *analytics_checks(),
        readers_have_new_results_in_time,
    ]


@cache
def blocking_checks() -> Sequence[dg.AssetCheckKey]:
    """Return the key of every blocking check, from the declarations of the checks.

    Each of them is upstream of the publication, because every table with checks is published or
    read by one that is; a test compares this list with the graph.
    """
    specs: Iterable[dg.AssetCheckSpec] = (
        *SCRAPE_CHECKS,
        *PAGE_CHECKS,
        *(spec for check in standalone_checks() for spec in check.check_specs),
    )
    return tuple(sorted(spec.key for spec in specs if spec.blocking))


def describe_failed_blocking_checks(instance: dg.DagsterInstance) -> list[str]:
    """Return the blocking checks whose latest result is a failure, as `table: check`."""
    return [
        f"{key.asset_key.to_user_string()}: {key.name}"
        for key, result in latest_results(instance, blocking_checks()).items()
        if not result.evaluation.passed
        and result.evaluation.severity is dg.AssetCheckSeverity.ERROR
    ]


def read_failed_blocking_checks(settings: Settings) -> list[str] | None:
    """Return the failed blocking checks of Dagster's instance; None if it cannot be read."""
    if settings.runs.dagster_dsn is None and not (settings.servers.home / "dagster").exists():
        return []  # Nothing has run here yet, and opening the instance would create files.
    try:
        with dg.DagsterInstance.get() as instance:
            return describe_failed_blocking_checks(instance)
    except storage_errors():
        return None


def latest_results(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, CheckResult]:
    """Return the latest result of each of these checks that has one, in their order."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    results = {
        key: _result_of(latest[key]) or _latest_evaluated(instance, key)
        for key in keys
        if key in latest
    }
    return {key: result for key, result in results.items() if result is not None}


def _latest_evaluated(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> CheckResult | None:
    """Return the last execution with a result; planned checks and those of dead runs have none."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        key, MAX_EXECUTIONS_SEARCHED
    )
    results = (_result_of(record) for record in history)
    return next((result for result in results if result is not None), None)


def _result_of(record: Any) -> CheckResult | None:
    # Dagster also keeps a record of a check that was only planned.
    if not isinstance(record.evaluation, dg.AssetCheckEvaluation):
        return None
    return CheckResult(record.evaluation, record.run_id, record.create_timestamp)
