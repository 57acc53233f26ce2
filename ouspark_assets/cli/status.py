"""`ouspark status`: the current state on one screen. Reads only.

The facts are collected here and shown by `status_view.py`. Embedded servers that are stopped are
not started, and a server that cannot be reached is reported as such.
"""

from collections.abc import Sequence
from dataclasses import asdict

import dagster as dg

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cli.graph_runs import find_runs_of_command
from ouspark_assets.cli.output import show_json
from ouspark_assets.cli.status_view import show_status
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.present_state import (
    read_cache_state,
    read_publication_state,
    read_release_states,
)
from ouspark_assets.operations.status import (
    CacheState,
    PublicationState,
    QuarantineReason,
    ServiceState,
    Status,
    select_failed,
    select_running,
    summarize_last_run,
)
from ouspark_assets.orchestration.checks.check_results import read_failed_blocking_checks
from ouspark_assets.orchestration.resources import Development, Lake, Production
from ouspark_assets.orchestration.storage.instance_storage import storage_errors
from ouspark_assets.services.server_status import read_services_status
from ouspark_assets.settings import ServerSettings, Settings, load_settings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import Publication
from ouspark_assets.warehouse.publication.publish_transaction import Source, current_source
from ouspark_assets.warehouse.quarantine.rejected_records import (
    count_open_reasons,
    count_open_records,
)
from ouspark_assets.warehouse.records.site_health import read_site_health, read_unfinished_scrapes
from ouspark_assets.warehouse.records.stage_runs import (
    StageRun,
    latest_stage_runs,
    recent_stage_runs,
    running_stages,
)

# More than the longest run has: a dozen stages for each release of a university's history.
MAX_STAGES = 2_000


def report_status(*, as_json: bool) -> None:
    """Show what is running, what ran last, what is stale or failed, and what readers see."""
    with Development().connected("status") as connection:
        current = _collect(connection, load_settings())
    if as_json:
        show_json(
            {
                **asdict(current),
                "stale": current.stale,
                "no_results": [asdict(each) for each in current.no_results],
            }
        )
    else:
        show_status(current)


def _collect(connection: Connection, settings: Settings) -> Status:
    publication, published = _publication(current_source(connection))
    stages = recent_stage_runs(connection, MAX_STAGES)
    latest = latest_stage_runs(connection)
    running_ids = running_stages(connection)
    checks = read_failed_blocking_checks(settings)
    if checks is None:
        checks = ["unknown, because Dagster's storage cannot be reached"]
    services = read_services_status(settings.servers).servers
    return Status(
        last_run=summarize_last_run(stages, running_ids, _runs_of_last_command(stages)),
        running=select_running(stages, running_ids),
        scrapes=tuple(scrape for scrape in read_unfinished_scrapes(connection) if scrape.alive),
        failed=select_failed(latest, running_ids),
        failed_checks=tuple(checks),
        releases=tuple(read_release_states(connection, Lake().archive(), settings.site)),
        publication=publication,
        cache=_cache(settings.servers, published),
        quarantine_open=count_open_records(connection),
        quarantine=tuple(QuarantineReason(*row) for row in count_open_reasons(connection)),
        sites=tuple(read_site_health(connection)),
        services=tuple(
            ServiceState(service.setting, service.state, service.address) for service in services
        ),
    )


def _runs_of_last_command(stages: Sequence[StageRun]) -> tuple[str, ...]:
    """Return the runs of the latest command; none if Dagster's storage cannot be read."""
    try:
        with dg.DagsterInstance.get() as instance:
            return find_runs_of_command(instance, stages[-1].run_id) if stages else ()
    except storage_errors():
        return ()


def _publication(source: Source) -> tuple[PublicationState, Publication | None]:
    try:
        with Production().connected("status") as production:
            return read_publication_state(production, source)
    except OuSparkError as error:
        return PublicationState(problem=str(error)), None


def _cache(settings: ServerSettings, published: Publication | None) -> CacheState:
    server = next(
        server
        for server in read_services_status(settings, show_secrets=True).servers
        if server.server == "redis"
    )
    if server.usable_address is None:
        return CacheState(problem=f"{server.state}; it starts when it is needed")
    try:
        with connect_cache(server.usable_address) as client:
            return read_cache_state(client, published)
    except OuSparkError as error:
        return CacheState(problem=str(error))
