"""`ouspark status`: how things stand, on one screen. Reads only.

Here is where the facts come from; an embedded cache or site that is stopped stays stopped, and a
server that can't be reached is part of the picture.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cli.output import show_json
from ouspark_assets.cli.present_state import (
    cache_state,
    failing_checks,
    publication_state,
    release_states,
)
from ouspark_assets.cli.status_view import show_status
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.operations.status.runs import StageRun, at_work_now, last_run, not_succeeded
from ouspark_assets.operations.status.state import (
    CacheState,
    PublicationState,
    QuarantineReason,
    ServiceState,
    Status,
)
from ouspark_assets.orchestration.resources import Development, Production
from ouspark_assets.services.overview import overview
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import Publication
from ouspark_assets.warehouse.publication.publishing import Source, current_source
from ouspark_assets.warehouse.records.overseeing import (
    latest_of_each_stage,
    open_reasons,
    open_records,
    recent_stage_runs,
    stages_at_work,
)
from ouspark_assets.warehouse.records.site_health import health_of_sites, scrapes_under_way

# Enough for the longest run: a dozen stages for each release of a university's history.
MOST_STAGES = 2_000
USABLE = ("running", "configured")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> None:
    """Show what ran last, what runs, what is stale or failed, and what readers have."""
    with Development().connected("status") as connection:
        seen = _status(connection)
    if as_json:
        show_json({**asdict(seen), "stale": seen.stale})
    else:
        show_status(seen)


def _status(connection: Connection) -> Status:
    publication, published = _publication(current_source(connection))
    stages = [_stage(row) for row in recent_stage_runs(connection, MOST_STAGES)]
    latest = [_stage(row) for row in latest_of_each_stage(connection)]
    at_work = stages_at_work(connection)
    return Status(
        last_run=last_run(stages, at_work),
        running=at_work_now(stages, at_work),
        scrapes=tuple(it for it in scrapes_under_way(connection) if it.alive),
        failed=not_succeeded(latest, at_work),
        failed_checks=_failed_checks(),
        releases=tuple(release_states(connection)),
        publication=publication,
        cache=_cache(published),
        quarantine_open=open_records(connection),
        quarantine=tuple(QuarantineReason(*row) for row in open_reasons(connection)),
        sites=tuple(health_of_sites(connection)),
        services=_services(),
    )


def _stage(row: Sequence[Any]) -> StageRun:
    return StageRun(*row)


def _failed_checks() -> tuple[str, ...]:
    found = failing_checks()
    return ("unknown: Dagster's storage can't be reached",) if found is None else tuple(found)


def _publication(source: Source) -> tuple[PublicationState, Publication | None]:
    try:
        with Production().connected("status") as production:
            return publication_state(production, source)
    except OuSparkError as error:
        return PublicationState(None, None, behind=False, held=None, problem=str(error)), None


def _cache(published: Publication | None) -> CacheState:
    """What the cache has; asked only when it runs."""
    server = next(
        it
        for it in overview(load_settings().servers, show_secrets=True).servers
        if it.server == "redis"
    )
    if server.state not in USABLE or server.address is None:
        return _no_cache(f"{server.state}; it starts when needed")
    try:
        with connect_cache(server.address) as client:
            return cache_state(client, published)
    except OuSparkError as error:
        return _no_cache(str(error))


def _no_cache(problem: str) -> CacheState:
    return CacheState(None, None, None, behind=False, problem=problem)


def _services() -> tuple[ServiceState, ...]:
    return tuple(
        ServiceState(it.setting, it.state, it.address)
        for it in overview(load_settings().servers).servers
    )
