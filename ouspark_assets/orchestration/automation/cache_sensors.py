"""The sensors that keep readers up to date: cache behind the publication, results behind the index.

`new_publication` and `cold_cache` request a prewarm when the cache does not serve the newest
publication; `late_results` has the check of `checks/timeliness.py` evaluated. How the cache is
built is in `cache/`.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from ouspark_assets.cache.generation import is_current
from ouspark_assets.cache.prewarm import generation_for
from ouspark_assets.cache.restored import withhold_if_outdated
from ouspark_assets.domain.errors import CacheError, OuSparkError
from ouspark_assets.orchestration.automation.run_queries import (
    find_run_key,
    find_run_materializing,
)
from ouspark_assets.orchestration.automation.ticks import (
    EVERY_DAEMON_LOOP,
    initial_sensor_status,
    retry_window,
    skip_if_unreachable,
)
from ouspark_assets.orchestration.checks.timeliness import (
    IN_TIME,
    check_lateness,
    find_late_releases,
)
from ouspark_assets.orchestration.jobs import follow_up, prewarm
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION
from ouspark_assets.orchestration.resources import CacheServer, Development, Production
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.warehouse.publication.publications import Publication, last_publication

log = logging.getLogger(__name__)

JOBS_THAT_PREWARM = (prewarm.name, follow_up.name)
COLD_CACHE_INTERVAL = 30
LATE_RESULTS_INTERVAL = 60
# Publications younger than this are left to new_publication, so that two runs are not started.
MIN_PUBLICATION_AGE = 60
# A prewarm that failed is requested again after this many seconds at the earliest.
PREWARM_RETRY_INTERVAL = 300
MAX_BACKOFF = 300


@dataclass(frozen=True)
class CacheBackoff:
    """How often in a row the cache was unreachable, and when it is tried again."""

    times: int = 0
    asked_again_at: float = 0

    @classmethod
    def parse(cls, cursor: str | None) -> "CacheBackoff":
        """Return the content of a cursor; empty when it cannot be read."""
        try:
            return cls(**json.loads(cursor or "{}"))
        except (ValueError, TypeError):
            return cls()

    def record_failure(self, now: float) -> "CacheBackoff":
        """Return the backoff after another failure: twice the previous wait, up to a maximum."""
        wait = min(MAX_BACKOFF, COLD_CACHE_INTERVAL * 2**self.times)
        return CacheBackoff(self.times + 1, now + wait)

    def to_json(self) -> str:
        """Return the cursor to store."""
        return json.dumps(asdict(self))


def new_publication_sensor(settings: AutomationSettings) -> dg.AssetSensorDefinition:
    """Return the sensor that reacts to publications."""

    @dg.asset_sensor(
        PUBLICATION,
        name="new_publication",
        job=prewarm,
        minimum_interval_seconds=EVERY_DAEMON_LOOP,
        default_status=initial_sensor_status(settings),
        description="After every publication: prewarms the cache, unless the cache serves that "
        "publication already. If a server is unreachable, cold_cache does it later.",
    )
    @skip_if_unreachable
    def new_publication(
        context: dg.SensorEvaluationContext,
        asset_event: dg.EventLogEntry,
        production: Production,
        cache_server: CacheServer,
    ) -> dg.RunRequest | dg.SkipReason:
        del asset_event  # the newest publication counts, not the one of this event
        publication = find_publication_not_cached(production, cache_server)
        return _request_prewarm(context.instance, publication)

    return new_publication


def cold_cache_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """Return the sensor that examines the cache itself."""

    @dg.sensor(
        name="cold_cache",
        job=prewarm,
        minimum_interval_seconds=COLD_CACHE_INTERVAL,
        default_status=initial_sensor_status(settings),
        description="Examines the cache: rebuilds a generation that was lost, or that is behind "
        "after a publication or rollback by command.",
    )
    @skip_if_unreachable
    def cold_cache(
        context: dg.SensorEvaluationContext, production: Production, cache_server: CacheServer
    ) -> dg.RunRequest | dg.SkipReason:
        backoff, now = CacheBackoff.parse(context.cursor), time.time()
        if (wait := backoff.asked_again_at - now) > 0:
            return dg.SkipReason(
                f"The cache was unreachable {backoff.times} times; next try in {wait:.0f} s."
            )
        try:
            publication = find_publication_not_cached(production, cache_server)
        except CacheError as error:
            context.log.warning(str(error))
            context.update_cursor(backoff.record_failure(now).to_json())
            raise
        except OuSparkError:
            context.update_cursor(CacheBackoff().to_json())
            raise
        context.update_cursor(CacheBackoff().to_json())
        newest = datetime.now(UTC) - timedelta(seconds=MIN_PUBLICATION_AGE)
        if publication and publication.published_at and publication.published_at > newest:
            return dg.SkipReason(
                f"Publication {publication.number} is new: new_publication prewarms it."
            )
        return _request_prewarm(context.instance, publication)

    return cold_cache


def find_publication_not_cached(
    production: Production, cache_server: CacheServer
) -> Publication | None:
    """Return the newest publication if the cache does not serve it, otherwise None.

    A generation that is older than readers were already shown is withheld at once.
    """
    with production.connected("look at cache", wait=False) as connection:
        newest = last_publication(connection)
        if newest is None:
            return None
        with cache_server.client() as client:
            if is_current(client, generation_for(newest)):
                return None
            if withheld := withhold_if_outdated(client, connection):
                log.warning(
                    "Cache generation %s is older than the one that readers were last shown, as"
                    " after the restoration of an older save. It is withheld until the next"
                    " prewarm.",
                    withheld,
                )
            return newest


def _request_prewarm(
    instance: dg.DagsterInstance, publication: Publication | None
) -> dg.RunRequest | dg.SkipReason:
    if publication is None:
        return dg.SkipReason("The cache serves the newest publication, or there is none yet.")
    if run := find_run_materializing(instance, GENERATION, JOBS_THAT_PREWARM):
        return dg.SkipReason(f"Run {run.run_id} is prewarming publication {publication.number}.")
    name = generation_for(publication).name
    key = f"{name} {retry_window(PREWARM_RETRY_INTERVAL)}"
    return dg.RunRequest(run_key=find_run_key(instance, key))


def late_results_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """Return the sensor that compares the late releases with those of the tick before."""

    @dg.sensor(
        name="late_results",
        job=check_lateness,
        minimum_interval_seconds=LATE_RESULTS_INTERVAL,
        default_status=initial_sensor_status(settings),
        description=f"Has {IN_TIME} evaluated when its result changes: when a release becomes "
        "late, and when it reaches readers.",
    )
    @skip_if_unreachable
    def late_results(
        context: dg.SensorEvaluationContext, development: Development, cache_server: CacheServer
    ) -> dg.RunRequest | dg.SkipReason:
        late = find_late_releases(development, cache_server, settings.sla_minutes)
        before = context.cursor or "[]"
        context.update_cursor(json.dumps(late))
        if json.dumps(late) == before:
            return dg.SkipReason(
                f"Still late: {', '.join(late)}." if late else "No release is late."
            )
        return dg.RunRequest()

    return late_results
