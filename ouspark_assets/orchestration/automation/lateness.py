"""How long the whole path takes: results that the index showed long ago and readers do not have.

A check on the cache, and the sensor that has it evaluated when its answer changes. What to do
about it is whoever is alerted's business.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl

from ouspark_assets.cache.generation import living_generation, meta_of
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.automation.switch import sensors_start
from ouspark_assets.orchestration.keys import GENERATION
from ouspark_assets.orchestration.resources import CacheServer, Development, Environment
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.reading import read_table

IN_TIME = "readers_have_new_results_in_time"
SECONDS_BETWEEN_LOOKS = 60


@dg.asset_check(
    asset=GENERATION,
    name=IN_TIME,
    description="Every release that the index has shown for longer than OUSPARK_SLA_MINUTES is "
    "in the cache that readers use.",
)
def readers_have_new_results_in_time(
    development: Development, cache_server: CacheServer, environment: Environment
) -> dg.AssetCheckResult:
    """Compare what the index showed with what the living generation carries."""
    minutes = environment.settings.automation.sla_minutes
    try:
        late = late_releases(development, cache_server, minutes)
    except OuSparkError as error:
        return _result(passed=False, late=[], minutes=minutes, description=str(error))
    return _result(passed=not late, late=late, minutes=minutes)


check_lateness = dg.define_asset_job(
    "check_lateness",
    selection=dg.AssetSelection.checks(dg.AssetCheckKey(GENERATION, IN_TIME)),
    description="Evaluate whether readers have new results in time.",
)


def late_results_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """The sensor."""

    @dg.sensor(
        name="late_results",
        job=check_lateness,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=sensors_start(settings),
        description=f"Has {IN_TIME} evaluated when its answer changes: when a release becomes "
        "late, and when readers have it.",
    )
    def late_results(
        context: dg.SensorEvaluationContext, development: Development, cache_server: CacheServer
    ) -> dg.SensorResult:
        try:
            late = late_releases(development, cache_server, settings.sla_minutes)
        except OuSparkError as error:
            return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
        cursor = json.dumps(late)
        if cursor == (context.cursor or json.dumps([])):
            why = f"Late as before: {', '.join(late)}." if late else "No result is late."
            return dg.SensorResult(skip_reason=why, cursor=cursor)
        return dg.SensorResult([dg.RunRequest()], cursor=cursor)

    return late_results


def late_releases(development: Development, cache_server: CacheServer, minutes: float) -> list[str]:
    """The releases that are brought in unasked, shown for so long, and not in what readers have."""
    with development.connected("look for late results") as connection:
        index = read_table(connection, RELEASE_INDEX)
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    shown_long = set(index.filter(pl.col("first_seen_at") < since)["release"])
    expected = [release for release in select_releases(index) if release in shown_long]
    if not expected:
        return []
    with cache_server.client() as client:
        name = living_generation(client)
        meta = meta_of(client, name) if name else None
    carried = set((meta or {}).get("releases", ()))
    return [release for release in expected if release not in carried]


def _result(
    *, passed: bool, late: Sequence[str], minutes: float, description: str | None = None
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata={"late releases": list(late), "minutes allowed": minutes},
    )
