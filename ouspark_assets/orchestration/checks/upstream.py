"""The latest results of the blocking checks above an asset, whichever run they are from.

Dagster lets a failed check stop what is downstream in the same run only; a later run would pass
it by. What follows from a failure is the asset's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg

MOST_LOOKED_AT = 100


@dataclass(frozen=True)
class Result:
    """The latest result of a check: what it was, in which run, when."""

    evaluation: dg.AssetCheckEvaluation
    run_id: str
    timestamp: float


def failed_checks(instance: dg.DagsterInstance, asset: dg.AssetKey) -> list[str]:
    """The blocking checks upstream whose latest result is a failure, as `table: check`."""
    results = latest_results(instance, blocking_checks(asset))
    return [
        f"{key.asset_key.to_user_string()}: {key.name}"
        for key, result in results.items()
        if _is_failure(result.evaluation)
    ]


def latest_results(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey]
) -> dict[dg.AssetCheckKey, Result]:
    """The latest result of each of these checks that has one, in their order."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    found = {key: _result(latest[key]) or _before(instance, key) for key in keys if key in latest}
    return {key: result for key, result in found.items() if result is not None}


@cache
def blocking_checks(asset: dg.AssetKey) -> Sequence[dg.AssetCheckKey]:
    """Every blocking check of every asset above this one."""
    # The graph is put together from the assets: it can't be known when they are imported.
    from ouspark_assets.orchestration.build import build_definitions

    graph = build_definitions().resolve_asset_graph()
    above = graph.get_ancestor_asset_keys(asset)
    keys = sorted(
        key
        for key in graph.asset_check_keys
        if key.asset_key in above and graph.get_check_spec(key).blocking
    )
    return tuple(keys)


def _before(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> Result | None:
    """A check that is planned, or whose run died, has no result; the one before it counts."""
    history = instance.event_log_storage.get_asset_check_execution_history(key, MOST_LOOKED_AT)
    results = (_result(record) for record in history)
    return next((result for result in results if result is not None), None)


def _result(record: Any) -> Result | None:
    """What Dagster keeps of a check that was only planned is no result."""
    if not isinstance(record.evaluation, dg.AssetCheckEvaluation):
        return None
    return Result(record.evaluation, record.run_id, record.create_timestamp)


def _is_failure(result: dg.AssetCheckEvaluation) -> bool:
    return not result.passed and result.severity is dg.AssetCheckSeverity.ERROR
