"""The sensor that notices changes which nobody has published.

A follow-up failed for a server's sake, or tables changed while automation was off. Lineage asks
for a follow-up once, and if that fails nothing above it changes any more; nor does Dagster see
what changes between asking and the evaluation that comes next.
"""

import time

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.automation.switch import sensors_start
from ouspark_assets.orchestration.automation.under_way import unfinished_runs
from ouspark_assets.orchestration.checks.upstream import failed_blocking_checks
from ouspark_assets.orchestration.jobs import follow_up
from ouspark_assets.orchestration.resources import Development, Production
from ouspark_assets.settings import AutomationSettings
from ouspark_assets.warehouse.publication.publications import current_hold, last_publication
from ouspark_assets.warehouse.publication.publishing import current_source
from ouspark_assets.warehouse.records.outstanding import seconds_since_last_change

SECONDS_BETWEEN_LOOKS = 120
# Time enough for lineage to have asked for the follow-up itself.
QUIET_SECONDS = 120
SECONDS_BETWEEN_ATTEMPTS = 900


def unpublished_changes_sensor(settings: AutomationSettings) -> dg.SensorDefinition:
    """The sensor."""

    @dg.sensor(
        name="unpublished_changes",
        job=follow_up,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=sensors_start(settings),
        description="Starts the follow-up again when tables changed and no publication has it: "
        "it failed because a server was down, or automation was off.",
    )
    def unpublished_changes(
        context: dg.SensorEvaluationContext, development: Development, production: Production
    ) -> dg.RunRequest | dg.SkipReason:
        if unfinished_runs(context.instance):
            return dg.SkipReason("Runs are under way.")
        try:
            version = _unpublished(development, production)
        except OuSparkError as error:
            return dg.SkipReason(str(error))
        if version is None:
            return dg.SkipReason("Every change has been published, is held, or is too new.")
        if failed := failed_blocking_checks(context.instance):
            return dg.SkipReason(f"Held back by failed checks: {', '.join(failed)}.")
        attempt = int(time.time() // SECONDS_BETWEEN_ATTEMPTS)
        return dg.RunRequest(run_key=f"{version} {attempt}")

    return unpublished_changes


def _unpublished(development: Development, production: Production) -> str | None:
    """The state of the development database that should be published and is not."""
    with development.connected("look for changes") as connection:
        source, quiet = current_source(connection), seconds_since_last_change(connection)
    with production.connected("look for changes") as connection:
        last, hold = last_publication(connection), current_hold(connection)
    if not source.releases or hold is not None or quiet is None or quiet < QUIET_SECONDS:
        return None
    if last is not None and (last.source_database, last.source_version) == (
        source.database,
        source.version,
    ):
        return None
    return f"{source.database} {source.version}"
