"""The check that every release of the index reaches readers within OUSPARK_SLA_MINUTES.

Evaluated by a job of its own, which the sensor `late_results` starts when the result changes.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl

from ouspark_assets.cache.generation import current_generation, read_meta
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.keys import GENERATION
from ouspark_assets.orchestration.resources import CacheServer, Development, Environment
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.frames import read_table

IN_TIME = "readers_have_new_results_in_time"


@dg.asset_check(
    asset=GENERATION,
    name=IN_TIME,
    description="Every release that the index has shown for longer than OUSPARK_SLA_MINUTES is "
    "in the cache that readers use.",
)
def readers_have_new_results_in_time(
    development: Development, cache_server: CacheServer, environment: Environment
) -> dg.AssetCheckResult:
    """Compare the releases of the index with those of the current generation."""
    minutes = environment.settings.automation.sla_minutes
    late: list[str] = []
    problem = None
    try:
        late = find_late_releases(development, cache_server, minutes)
    except OuSparkError as error:
        problem = str(error)
    return dg.AssetCheckResult(
        passed=not late and problem is None,
        severity=dg.AssetCheckSeverity.WARN,
        description=problem,
        metadata={"late releases": late, "minutes allowed": minutes},
    )


check_lateness = dg.define_asset_job(
    "check_lateness",
    selection=dg.AssetSelection.checks(dg.AssetCheckKey(GENERATION, IN_TIME)),
    description="Evaluate whether readers have new results in time.",
)


def find_late_releases(
    development: Development, cache_server: CacheServer, minutes: float
) -> list[str]:
    """Return the releases loaded by default that are late.

    A release is late when the index has shown it for longer than this and the generation that
    readers use does not contain it.
    """
    with development.connected("look for late results") as connection:
        index = read_table(connection, RELEASE_INDEX)
    since = datetime.now(UTC) - timedelta(minutes=minutes)
    overdue = set(index.filter(pl.col("first_seen_at") < since)["release"])
    expected = [release for release in select_releases(index) if release in overdue]
    if not expected:
        return []
    with cache_server.client() as client:
        name = current_generation(client)
        meta = read_meta(client, name) if name else None
    served = set((meta or {}).get("releases", ()))
    return [release for release in expected if release not in served]
