"""When assets are recomputed because something upstream changed, and which policies they carry.

One automation condition serves all assets that follow from others; the sensor `follow_lineage`
evaluates it. The sensor `unpublished_changes` requests what a failed follow-up left undone.
Scraping and loading releases is not started here, nor is the cache.
"""

import warnings
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import dagster as dg

from ouspark_assets.orchestration.automation.run_queries import (
    find_run_key,
    find_unfinished_runs,
    is_queued,
    was_loading_releases,
)
from ouspark_assets.orchestration.automation.ticks import (
    EVERY_DAEMON_LOOP,
    initial_sensor_status,
    retry_window,
    skip_if_unreachable,
)
from ouspark_assets.orchestration.checks.check_results import (
    blocking_checks,
    describe_failed_blocking_checks,
    latest_results,
)
from ouspark_assets.orchestration.jobs import FIRST, PUBLISHES, follow_up
from ouspark_assets.orchestration.keys import (
    GENERATION,
    PUBLICATION,
    RELEASE_INDEX_KEY,
    RESULT_PAGES,
    key_of,
)
from ouspark_assets.orchestration.resources import Development, Production
from ouspark_assets.pipeline.load import LOADED_TABLES
from ouspark_assets.schemas.analytics import (
    COLLEGE_RANKINGS,
    DEPARTMENT_RANKINGS,
    STUDENT_RANKINGS,
)
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.warehouse.publication.publications import current_hold, last_publication
from ouspark_assets.warehouse.publication.publish_transaction import current_source
from ouspark_assets.warehouse.records.computed_from import seconds_since_last_change

# The assets that runs of releases materialize; all others are computed from them.
LOADED_ASSETS = (RELEASE_INDEX_KEY, RESULT_PAGES, *map(key_of, LOADED_TABLES))

# What people read is refreshed every night, even when nothing is new: a day and a margin.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=36)
)
ASSETS_WITH_FRESHNESS = frozenset(
    [
        PUBLICATION,
        GENERATION,
        *map(key_of, (STUDENT_RANKINGS, COLLEGE_RANKINGS, DEPARTMENT_RANKINGS)),
    ]
)

UNPUBLISHED_CHANGES_INTERVAL = 30
# Changes younger than this are left to lineage, which needs this long to request a follow-up.
MIN_CHANGE_AGE = 60
FOLLOW_UP_RETRY_INTERVAL = 900

_Condition = dg.AutomationCondition


class LoadsAreDone(dg.AutomationCondition[dg.AssetKey]):
    """True while no release is being loaded and the last loads passed their blocking checks.

    Dagster's own conditions only know whether an unfinished run will evaluate an asset or a check.
    With them, the follow-up of one load would be split into several runs, because some of its
    tables are checked before others; and a load that is still queued would delay the follow-up of
    releases that are loaded already. A queued follow-up, on the other hand, makes this false: when
    it starts, it will read everything that is loaded by then.
    """

    @property
    def name(self) -> str:
        """The label in the UI."""
        return "no release is being loaded, and the last loads passed their blocking checks"

    def evaluate(
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        """Return all candidates or none."""
        candidates = context.candidate_subset
        view = context.asset_graph_view
        done = not candidates.is_empty and are_loads_done(view.instance, view.effective_dt)
        return dg.AutomationResult(
            context=context, true_subset=candidates if done else context.get_empty_subset()
        )


# One answer for all assets of an evaluation, as of the time up to which it reads events.
@lru_cache(maxsize=1)
def are_loads_done(instance: dg.DagsterInstance, at: datetime) -> bool:
    """Return whether what has been loaded may be followed up now."""
    if was_loading_releases(instance, since=at) or is_queued(instance, PUBLISHES):
        return False
    keys = [key for key in blocking_checks() if key.asset_key in LOADED_ASSETS]
    results = latest_results(instance, keys)
    return len(results) == len(keys) and all(
        result.evaluation.passed for result in results.values()
    )


_COMPUTED_ASSETS = dg.AssetSelection.all() - dg.AssetSelection.assets(*LOADED_ASSETS)

# A blocking check in the same run as its asset stops the assets downstream by itself. If an
# upstream asset is not in the run, its checks must have passed before.
_UPSTREAM_CHECKS_PASSED = _Condition.all_deps_match(
    _Condition.will_be_requested()
    | _Condition.all_checks_match(_Condition.check_passed(), blocking_only=True)
).allow(_COMPUTED_ASSETS)

# Plain `eager` would wait until every release ever registered is loaded: an unpartitioned asset
# has missing dependencies as long as one upstream partition is missing. Updates of the index are
# ignored because it is read again and again and changes no number by itself.
FOLLOWS_LINEAGE = (
    _Condition.eager()
    .without(~_Condition.any_deps_missing())
    .replace(
        _Condition.any_deps_updated(),
        _Condition.any_deps_updated().ignore(dg.AssetSelection.assets(RELEASE_INDEX_KEY)),
    )
    .replace(
        _Condition.any_deps_in_progress(),
        _Condition.any_deps_in_progress().allow(_COMPUTED_ASSETS),
    )
    & _UPSTREAM_CHECKS_PASSED.with_label("upstream blocking checks passed or are in the same run")
    & LoadsAreDone()
).with_label("follows what is upstream")


def apply_policies(assets: Iterable[Any]) -> list[dg.AssetsDefinition]:
    """Return the assets with their automation condition, freshness policy and backfill policy.

    Backfills use a single run for a range of releases. The command line requests a range from
    every asset of a selection, so unpartitioned assets carry the policy as well.
    """
    return [
        asset.map_asset_specs(_apply_policies).with_attributes(
            backfill_policy=dg.BackfillPolicy.single_run()
        )
        for asset in assets
    ]


def _apply_policies(spec: dg.AssetSpec) -> dg.AssetSpec:
    if spec.key in ASSETS_WITH_FRESHNESS:
        spec = dg.apply_freshness_policy(spec, FRESHNESS)
    # Not the index, which has nothing upstream, and not the cache, which a sensor brings to the
    # newest publication. Not the partitioned assets either: results of checks on
    # `raw/result_pages` are not kept per release, so the success of one release would release
    # another that is blocked.
    if spec.deps and spec.partitions_def is None and spec.key != GENERATION:
        spec = spec.replace_attributes(automation_condition=FOLLOWS_LINEAGE)
    return spec


def lineage_sensor(settings: AutomationSettings) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the condition.

    Dagster's default sensor would be stopped at first, tick every 30 s, and refuse custom
    conditions.
    """
    # Custom conditions are in beta, and every command would print a warning about that.
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        return dg.AutomationConditionSensorDefinition(
            name="follow_lineage",
            target=dg.AssetSelection.all(),
            run_tags=PUBLISHES | FIRST,
            default_status=initial_sensor_status(settings),
            minimum_interval_seconds=EVERY_DAEMON_LOOP,
            use_user_code_server=True,
            description="After releases have been loaded: computes everything downstream and "
            "publishes it, in one run, if the blocking checks upstream have passed.",
        )


def unpublished_changes_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """Return the sensor that requests a follow-up for changes that were not published.

    Lineage requests a follow-up once. If that run fails, nothing upstream changes any more, and
    lineage does not request it again. It also misses changes between a request and the next
    evaluation, and all changes while automation is off.
    """

    @dg.sensor(
        name="unpublished_changes",
        job=follow_up,
        minimum_interval_seconds=UNPUBLISHED_CHANGES_INTERVAL,
        default_status=initial_sensor_status(settings),
        description="Starts the follow-up again when tables changed and no publication contains "
        "the change, because a server was down or automation was off.",
    )
    @skip_if_unreachable
    def unpublished_changes(
        context: dg.SensorEvaluationContext, development: Development, production: Production
    ) -> dg.RunRequest | dg.SkipReason:
        if find_unfinished_runs(context.instance):
            return dg.SkipReason("Other runs are queued or running.")
        version = _find_unpublished_version(development, production)
        if version is None:
            return dg.SkipReason(
                "No changes to publish: all are published, on hold, or younger than "
                f"{MIN_CHANGE_AGE} s."
            )
        if failed := describe_failed_blocking_checks(context.instance):
            return dg.SkipReason(f"Blocking checks failed: {', '.join(failed)}.")
        key = f"{version} {retry_window(FOLLOW_UP_RETRY_INTERVAL)}"
        return dg.RunRequest(run_key=find_run_key(context.instance, key))

    return unpublished_changes


def _find_unpublished_version(development: Development, production: Production) -> str | None:
    """Return the version of the development database that should be published, if there is one."""
    with development.connected("look for changes", wait=False) as connection:
        source, age = current_source(connection), seconds_since_last_change(connection)
    with production.connected("look for changes", wait=False) as connection:
        last, hold = last_publication(connection), current_hold(connection)
    if not source.releases or hold is not None or age is None or age < MIN_CHANGE_AGE:
        return None
    if last is not None and source.is_published_by(last):
        return None
    return f"{source.database} {source.version}"
