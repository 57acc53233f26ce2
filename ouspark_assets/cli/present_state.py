"""How things stand, as `ouspark status` and `ouspark metrics` find it out: the same facts for both.

Here are the questions that need more than one room; nothing is started, nothing is shown.
"""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg
import polars as pl
from redis import Redis

from ouspark_assets.cache.generation import current_generation, read_meta
from ouspark_assets.cache.prewarm import generation_for
from ouspark_assets.operations.status import CacheState, PublicationState, ReleaseState
from ouspark_assets.orchestration.checks.check_results import describe_failed_blocking_checks
from ouspark_assets.orchestration.resources import Lake
from ouspark_assets.orchestration.storage.instance_storage import storage_errors
from ouspark_assets.pipeline.load import fingerprint_of
from ouspark_assets.pipeline.scrape import known_codes
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import load_settings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, is_complete
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    current_hold,
    last_publication,
)
from ouspark_assets.warehouse.publication.publish import Source
from ouspark_assets.warehouse.records.loads import loaded


def release_states(development: Connection) -> list[ReleaseState]:
    """Those that `ouspark run` looks at when it is not told otherwise."""
    index, tables = read_table(development, RELEASE_INDEX), loaded(development)
    archive = Lake().archive()
    titles = dict(index.select("release", "title").iter_rows())
    return [
        ReleaseState(
            release=release,
            title=titles[release],
            complete=complete,
            loaded=tables.get(release) == fingerprint_of(archive, release),
            unanswered=_unanswered(archive, release),
        )
        for release, complete in _completeness(index).items()
    ]


def completeness(development: Connection) -> dict[str, bool]:
    """Of the same releases, whether every planned hall ticket had an answer; reads no page."""
    return _completeness(read_table(development, RELEASE_INDEX))


def _completeness(index: pl.DataFrame) -> dict[str, bool]:
    archive, codes, settings = Lake().archive(), known_codes(), load_settings().site
    return {
        release: is_complete(settings, ScrapeRequest.from_index(index, release), archive, codes)
        for release in select_releases(index)
    }


def _unanswered(archive: PageArchive, release: str) -> int:
    failed = pl.col("outcome") == Outcome.FAILED.value
    return archive.answers(release).filter(failed).height


def publication_state(
    production: Connection, source: Source
) -> tuple[PublicationState, Publication | None]:
    """What production has, beside what development has by now."""
    last, hold = last_publication(production), current_hold(production)
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


def cache_state(client: Redis, published: Publication | None) -> CacheState:
    """What the cache has, beside what production has by now."""
    living = current_generation(client)
    meta = (read_meta(client, living) if living else None) or {}
    current = published is None or (
        living is not None and generation_for(published).has_name(living)
    )
    return CacheState(
        generation=living,
        publication=meta.get("publication"),
        built_at=datetime.fromisoformat(meta["built_at"]) if "built_at" in meta else None,
        behind=not current,
        problem=None,
    )


def failing_checks() -> Sequence[str] | None:
    """The blocking checks whose latest result is a failure; None when Dagster can't be asked."""
    settings = load_settings()
    if settings.runs.dagster_dsn is None and not (settings.servers.home / "dagster").exists():
        return ()  # nothing ever ran here, and looking at it should not leave a trace
    try:
        with dg.DagsterInstance.get() as instance:
            return describe_failed_blocking_checks(instance)
    except storage_errors():
        return None
