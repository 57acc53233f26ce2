"""The sensors that keep the cache at the newest publication.

One after every publication, one whenever the cache is gone or behind for another reason. Both
ask one question, `behind`; how the cache is built is `cache/prewarming.py`.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import dagster as dg

from ouspark_assets.cache.generation import is_alive
from ouspark_assets.cache.prewarming import generation_for
from ouspark_assets.domain.errors import CacheError, OuSparkError
from ouspark_assets.orchestration.automation.lineage import EVERY_LOOK
from ouspark_assets.orchestration.automation.switch import sensors_start
from ouspark_assets.orchestration.automation.under_way import run_at_work_on
from ouspark_assets.orchestration.jobs import follow_up, prewarm
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION
from ouspark_assets.orchestration.resources import CacheServer, Production
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.warehouse.publication.publications import Publication, last_publication

JOBS_THAT_PREWARM = (prewarm.name, follow_up.name)
SECONDS_BETWEEN_LOOKS = 30
# A publication of this minute is for new_publication to follow: two runs would be one too many.
SECONDS_LEFT_TO_THE_OTHER = 60
# A build that failed is tried again, but not by every look.
SECONDS_BETWEEN_ATTEMPTS = 300
LONGEST_BACKOFF_SECONDS = 300


@dataclass(frozen=True)
class Trouble:
    """How often in a row the cache could not be reached, and when it is asked again."""

    times: int = 0
    asked_again_at: float = 0

    @classmethod
    def of(cls, cursor: str | None) -> "Trouble":
        """What a cursor says; one that can't be read says nothing."""
        try:
            return cls(**json.loads(cursor or "{}"))
        except (ValueError, TypeError):
            return cls()

    def once_more(self, now: float) -> "Trouble":
        """The next one, with twice the wait of the last."""
        wait = min(LONGEST_BACKOFF_SECONDS, SECONDS_BETWEEN_LOOKS * 2**self.times)
        return Trouble(self.times + 1, now + wait)

    @property
    def cursor(self) -> str:
        """The cursor that says this."""
        return json.dumps(asdict(self))


def behind(production: Production, cache_server: CacheServer) -> Publication | None:
    """The publication that readers should have and have not; None when there is no such."""
    with production.connected("look at cache") as source:
        newest = last_publication(source)
    if newest is None:
        return None
    with cache_server.client() as client:
        return None if is_alive(client, generation_for(newest)) else newest


def new_publication_sensor(settings: AutomationSettings) -> dg.AssetSensorDefinition:
    """The sensor on publications."""

    @dg.asset_sensor(
        PUBLICATION,
        name="new_publication",
        job=prewarm,
        minimum_interval_seconds=EVERY_LOOK,
        default_status=sensors_start(settings),
        description="After every publication: prewarms the cache, unless it carries that "
        "publication already.",
    )
    def new_publication(
        context: dg.SensorEvaluationContext,
        asset_event: dg.EventLogEntry,
        production: Production,
        cache_server: CacheServer,
    ) -> dg.RunRequest | dg.SkipReason:
        del asset_event  # what counts is the newest publication, not this one
        try:
            publication = behind(production, cache_server)
        except OuSparkError as error:
            return dg.SkipReason(f"{error} cold_cache goes on from here.")
        return _what_to_start(context.instance, publication)

    return new_publication


def cold_cache_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """The sensor that looks at the cache itself."""

    @dg.sensor(
        name="cold_cache",
        job=prewarm,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=sensors_start(settings),
        description="Looks at the cache itself: builds a generation that was lost, or that is "
        "behind since a publication was made or brought back by command.",
    )
    def cold_cache(
        context: dg.SensorEvaluationContext, production: Production, cache_server: CacheServer
    ) -> dg.SensorResult:
        trouble, now = Trouble.of(context.cursor), time.time()
        if (wait := trouble.asked_again_at - now) > 0:
            why = f"The cache could not be reached {trouble.times} times; next try in {wait:.0f} s."
            return dg.SensorResult(skip_reason=why, cursor=trouble.cursor)
        try:
            publication = behind(production, cache_server)
        except CacheError as error:
            context.log.warning(str(error))
            return dg.SensorResult(skip_reason=str(error), cursor=trouble.once_more(now).cursor)
        except OuSparkError as error:
            return dg.SensorResult(skip_reason=str(error), cursor=Trouble().cursor)
        if publication is not None and _age_seconds(publication) < SECONDS_LEFT_TO_THE_OTHER:
            why = f"Publication {publication.number} is new: new_publication follows it."
            return dg.SensorResult(skip_reason=why, cursor=Trouble().cursor)
        return _result(_what_to_start(context.instance, publication))

    return cold_cache


def _what_to_start(
    instance: dg.DagsterInstance, publication: Publication | None
) -> dg.RunRequest | dg.SkipReason:
    if publication is None:
        return dg.SkipReason("Readers have the newest publication, if there is any.")
    if run := run_at_work_on(instance, GENERATION, JOBS_THAT_PREWARM):
        return dg.SkipReason(f"Run {run.run_id} brings publication {publication.number}.")
    attempt = int(time.time() // SECONDS_BETWEEN_ATTEMPTS)
    return dg.RunRequest(run_key=f"{generation_for(publication).name} {attempt}")


def _result(found: dg.RunRequest | dg.SkipReason) -> dg.SensorResult:
    if isinstance(found, dg.SkipReason):
        return dg.SensorResult(skip_reason=found, cursor=Trouble().cursor)
    return dg.SensorResult([found], cursor=Trouble().cursor)


def _age_seconds(publication: Publication) -> float:
    published_at = publication.published_at or datetime.min.replace(tzinfo=UTC)
    return (datetime.now(UTC) - published_at).total_seconds()
