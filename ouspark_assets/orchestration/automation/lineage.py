"""When an asset follows from what is above it: one condition, and the sensor that evaluates it.

Which assets it is given to is `policies.py`.
"""

import warnings
from datetime import datetime
from functools import lru_cache

import dagster as dg

from ouspark_assets.orchestration.assets.clean import TABLES_OF_A_LOAD
from ouspark_assets.orchestration.automation.switch import sensors_start
from ouspark_assets.orchestration.automation.under_way import is_waiting, was_loading
from ouspark_assets.orchestration.checks.upstream import blocking_checks, latest_results
from ouspark_assets.orchestration.jobs import FIRST, PUBLISHES
from ouspark_assets.orchestration.keys import RELEASE_INDEX_KEY, RESULT_PAGES, key_of
from ouspark_assets.settings import AutomationSettings

# The daemon looks every 5 s; at an interval of 5 s every other look would come a moment too soon.
EVERY_LOOK = 3
NOT_COMPUTED = (RELEASE_INDEX_KEY, RESULT_PAGES, *map(key_of, TABLES_OF_A_LOAD))

_Condition = dg.AutomationCondition


class LoadsAreDone(dg.AutomationCondition[dg.AssetKey]):
    """No release is being loaded at this moment, and the last loads passed their blocking checks.

    Dagster's own conditions know of an asset or a check only whether a run that has not ended is
    to evaluate it. Some tables of a load are checked before others, so that what follows would
    come back in pieces; and a load that waits in the queue would hold up what has been loaded.
    A follow-up that waits in the queue, on the other hand, will see all that is loaded by now.
    """

    @property
    def name(self) -> str:
        """As the UI shows it."""
        return "no release is being loaded, and the last loads passed their blocking checks"

    def evaluate(
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        """All or nothing."""
        candidates = context.candidate_subset
        view = context.asset_graph_view
        done = not candidates.is_empty and loads_are_done(view.instance, view.effective_dt)
        return dg.AutomationResult(
            context=context, true_subset=candidates if done else context.get_empty_subset()
        )


# One answer for all assets of an evaluation, as of the moment for which it reads the events.
@lru_cache(maxsize=1)
def loads_are_done(instance: dg.DagsterInstance, at: datetime) -> bool:
    """Whether what has been loaded may be followed up now."""
    if was_loading(instance, at) or is_waiting(instance, PUBLISHES):
        return False
    keys = [key for key in blocking_checks() if key.asset_key in NOT_COMPUTED]
    results = latest_results(instance, keys)
    return len(results) == len(keys) and all(it.evaluation.passed for it in results.values())


_COMPUTED = dg.AssetSelection.all() - dg.AssetSelection.assets(*NOT_COMPUTED)

# In one run with its asset a blocking check holds up what follows by itself; of what is not in
# the run, the check must have passed.
_CHECKS_ABOVE_PASS = _Condition.all_deps_match(
    _Condition.will_be_requested()
    | _Condition.all_checks_match(_Condition.check_passed(), blocking_only=True)
).allow(_COMPUTED)

# `eager` would wait until every release ever registered has been loaded: an unpartitioned asset
# has missing dependencies for as long as one partition above it is missing. The index alone
# changes no number, and it is read again and again.
FOLLOWS_LINEAGE = (
    _Condition.eager()
    .without(~_Condition.any_deps_missing())
    .replace(
        _Condition.any_deps_updated(),
        _Condition.any_deps_updated().ignore(dg.AssetSelection.assets(RELEASE_INDEX_KEY)),
    )
    .replace(_Condition.any_deps_in_progress(), _Condition.any_deps_in_progress().allow(_COMPUTED))
    & _CHECKS_ABOVE_PASS.with_label("blocking checks above have passed, or are in the same run")
    & LoadsAreDone()
).with_label("follows what is above it")


def lineage_sensor(settings: AutomationSettings) -> dg.AutomationConditionSensorDefinition:
    """The sensor; Dagster's own would be off, look every 30 s, and know no condition of ours."""
    # That conditions may be our own is in beta, which every command would say otherwise.
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        return dg.AutomationConditionSensorDefinition(
            name="follow_lineage",
            target=dg.AssetSelection.all(),
            run_tags=PUBLISHES | FIRST,
            default_status=sensors_start(settings),
            minimum_interval_seconds=EVERY_LOOK,
            use_user_code_server=True,
            description="When releases have been loaded: computes and publishes what follows, in "
            "one run, provided that the blocking checks above have passed.",
        )
