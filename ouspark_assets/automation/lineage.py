"""When an asset follows from what is above it: one condition, and the sensor that evaluates it.

Which assets it is given to is `policies.py`.
"""

import dagster as dg

from ouspark_assets.assets.source import RELEASE_INDEX_KEY
from ouspark_assets.automation.switch import sensors_start
from ouspark_assets.jobs import FIRST, PUBLISHES
from ouspark_assets.settings import Settings

_Condition = dg.AutomationCondition

# The daemon looks every 5 s; at an interval of 5 s every other look would come a moment too soon.
EVERY_LOOK = 3

# Dagster's own form of this lets only checks pass that have passed before: a chain on an empty
# instance, or after a failure that was mended, would come back as a run for each of its links.
# In one run with its asset a blocking check holds up what follows by itself.
_CHECKS_ABOVE_PASS = _Condition.all_deps_match(
    _Condition.will_be_requested()
    | _Condition.all_checks_match(_Condition.check_passed(), blocking_only=True)
).with_label("all blocking checks above have passed, or are in the same run")

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
    & _CHECKS_ABOVE_PASS
).with_label("follows what is above it")


def lineage_sensor(settings: Settings) -> dg.AutomationConditionSensorDefinition:
    """The sensor; Dagster's own would be off, and look every 30 s."""
    return dg.AutomationConditionSensorDefinition(
        name="follow_lineage",
        target=dg.AssetSelection.all(),
        run_tags=PUBLISHES | FIRST,
        default_status=sensors_start(settings),
        minimum_interval_seconds=EVERY_LOOK,
        description="When releases have been loaded: computes and publishes what follows, in one "
        "run, provided that the blocking checks above have passed.",
    )
