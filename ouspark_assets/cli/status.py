"""`ouspark status`: how things stand, on one screen. Reads only.

Here is where the facts come from; an embedded cache or site that is stopped stays stopped, and a
server that can't be reached is part of the picture.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
import polars as pl

from ouspark_assets.assets.loading import fingerprint_of
from ouspark_assets.assets.raw import known_codes
from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.generation import living_generation
from ouspark_assets.cache.prewarming import generation_for
from ouspark_assets.cli.output import show_json
from ouspark_assets.cli.status_view import show_status
from ouspark_assets.errors import OuSparkError
from ouspark_assets.resources import Development, Lake, Production
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.services.overview import overview
from ouspark_assets.settings import load_settings
from ouspark_assets.site.archive import PageArchive
from ouspark_assets.site.index import selected_releases
from ouspark_assets.site.judging import Outcome
from ouspark_assets.site.scrape import Request, is_complete
from ouspark_assets.status.runs import StageRun, last_run, not_succeeded
from ouspark_assets.status.state import (
    CacheState,
    PublicationState,
    QuarantineReason,
    ReleaseState,
    ServiceState,
    Status,
)
from ouspark_assets.warehouse.connection import Connection
from ouspark_assets.warehouse.loads import loaded
from ouspark_assets.warehouse.overseeing import (
    latest_of_each_stage,
    open_reasons,
    open_records,
    recent_stage_runs,
)
from ouspark_assets.warehouse.publications import Publication, current_hold, last_publication
from ouspark_assets.warehouse.publishing import Source, current_source
from ouspark_assets.warehouse.reading import read_table

# Enough for the longest run: a dozen stages for each release of a university's history.
MOST_STAGES = 2_000
USABLE = ("running", "configured")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> None:
    """Show the last run, what is stale, what failed, and what readers have."""
    with Development().connected("status") as connection:
        seen = _status(connection)
    if as_json:
        show_json({**asdict(seen), "stale": seen.stale})
    else:
        show_status(seen)


def _status(connection: Connection) -> Status:
    source = current_source(connection)
    publication, published = _publication(source)
    stages = [_stage(row) for row in recent_stage_runs(connection, MOST_STAGES)]
    latest = [_stage(row) for row in latest_of_each_stage(connection)]
    return Status(
        last_run=last_run(stages),
        failed=not_succeeded(latest),
        releases=tuple(_releases(connection)),
        publication=publication,
        cache=_cache(published),
        quarantine_open=open_records(connection),
        quarantine=tuple(QuarantineReason(*row) for row in open_reasons(connection)),
        services=_services(),
    )


def _stage(row: Sequence[Any]) -> StageRun:
    return StageRun(*row)


def _releases(connection: Connection) -> list[ReleaseState]:
    """Those that `ouspark run` looks at when it is not told otherwise."""
    index, tables = read_table(connection, RELEASE_INDEX), loaded(connection)
    archive, codes, settings = Lake().archive(), known_codes(), load_settings()
    titles = dict(index.select("release", "title").iter_rows())
    return [
        ReleaseState(
            release=release,
            title=titles[release],
            complete=is_complete(settings, Request.from_index(index, release), archive, codes),
            loaded=tables.get(release) == fingerprint_of(archive, release),
            unanswered=_unanswered(archive, release),
        )
        for release in selected_releases(index)
    ]


def _unanswered(archive: PageArchive, release: str) -> int:
    failed = pl.col("outcome") == Outcome.FAILED.value
    return archive.answers(release).filter(failed).height


def _publication(source: Source) -> tuple[PublicationState, Publication | None]:
    try:
        with Production().connected("status") as production:
            last, hold = last_publication(production), current_hold(production)
    except OuSparkError as error:
        return PublicationState(None, None, behind=False, held=None, problem=str(error)), None
    same = last is not None and last.source_database == source.database
    behind = source.version > 0 and not (
        same and last is not None and last.source_version >= source.version
    )
    state = PublicationState(
        number=last.number if last else None,
        published_at=last.published_at if last else None,
        behind=behind,
        held=str(hold) if hold else None,
        problem=None,
    )
    return state, last


def _cache(published: Publication | None) -> CacheState:
    """What the cache has; asked only when it runs."""
    server = next(
        it for it in overview(load_settings(), show_secrets=True).servers if it.server == "redis"
    )
    if server.state not in USABLE or server.address is None:
        return CacheState(None, behind=False, problem=f"{server.state}; it starts when needed")
    try:
        with connect_cache(server.address) as client:
            living = living_generation(client)
    except OuSparkError as error:
        return CacheState(None, behind=False, problem=str(error))
    if published is None:
        return CacheState(living, behind=False, problem=None)
    current = living is not None and generation_for(published).is_called(living)
    return CacheState(living, behind=not current, problem=None)


def _services() -> tuple[ServiceState, ...]:
    return tuple(
        ServiceState(it.setting, it.state, it.address) for it in overview(load_settings()).servers
    )
