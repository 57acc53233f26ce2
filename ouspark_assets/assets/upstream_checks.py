"""The latest results of the blocking checks above an asset, whichever run they are from.

Dagster lets a failed check stop what is downstream in the same run only; a later run would pass
it by. What follows from a failure is the asset's business.
"""

from collections.abc import Sequence
from functools import cache

import dagster as dg

MOST_LOOKED_AT = 100


def failed_checks(instance: dg.DagsterInstance, asset: dg.AssetKey) -> list[str]:
    """The blocking checks upstream whose latest result is a failure, as `table: check`."""
    keys = blocking_checks(asset)
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return [
        f"{key.asset_key.to_user_string()}: {key.name}"
        for key in keys
        if key in latest and _is_failure(_result(latest[key].evaluation) or _before(instance, key))
    ]


@cache
def blocking_checks(asset: dg.AssetKey) -> Sequence[dg.AssetCheckKey]:
    """Every blocking check of every asset above this one."""
    # The graph is put together from the assets: it can't be known when they are imported.
    from ouspark_assets.build import build_definitions

    graph = build_definitions().resolve_asset_graph()
    above = graph.get_ancestor_asset_keys(asset)
    keys = sorted(
        key
        for key in graph.asset_check_keys
        if key.asset_key in above and graph.get_check_spec(key).blocking
    )
    return tuple(keys)


def _before(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """A check that is planned, or whose run died, has no result; the one before it counts."""
    history = instance.event_log_storage.get_asset_check_execution_history(key, MOST_LOOKED_AT)
    results = (_result(record.evaluation) for record in history)
    return next((result for result in results if result is not None), None)


def _result(evaluation: object) -> dg.AssetCheckEvaluation | None:
    """What Dagster keeps of a check that was only planned is no result."""
    return evaluation if isinstance(evaluation, dg.AssetCheckEvaluation) else None


def _is_failure(result: dg.AssetCheckEvaluation | None) -> bool:
    return (
        result is not None and not result.passed and result.severity is dg.AssetCheckSeverity.ERROR
    )
