"""Read the present state of releases, production and cache, for `ouspark status` and `metrics`.

The values are declared in `status.py`. Nothing is started and nothing is shown here.
"""

from datetime import datetime

import polars as pl
from redis import Redis

from ouspark_assets.cache.generation import current_generation, read_meta
from ouspark_assets.cache.prewarm import generation_for
from ouspark_assets.operations.status import CacheState, PublicationState, ReleaseState
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive, count_sentences
from ouspark_assets.sources.results_site.outcomes import UNCONFIRMED_CAUSES, Outcome
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.sources.results_site.scrape_request import (
    ScrapeRequest,
    is_complete,
    read_scope,
)
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    current_hold,
    last_publication,
)
from ouspark_assets.warehouse.publication.publish_transaction import Source
from ouspark_assets.warehouse.records.loads import loaded_fingerprints


def read_release_states(
    development: Connection, archive: PageArchive, settings: SiteSettings
) -> list[ReleaseState]:
    """Return the state of each release that `ouspark run` selects without options."""
    index, fingerprints = read_table(development, RELEASE_INDEX), loaded_fingerprints(development)
    titles = dict(index.select("release", "title").iter_rows())
    failed = pl.col("outcome") == Outcome.FAILED.value
    unconfirmed = failed & pl.col("cause").is_in(UNCONFIRMED_CAUSES)
    return [
        ReleaseState(
            release=release,
            title=titles[release],
            complete=complete,
            loaded=fingerprints.get(release) == archive.fingerprint(release),
            unanswered=answers.filter(failed).height,
            unconfirmed=answers.filter(unconfirmed).height,
            no_results=count_sentences(answers),
        )
        for release, complete in read_completeness(development, archive, settings).items()
        for answers in [archive.answers(release)]
    ]


def read_completeness(
    development: Connection, archive: PageArchive, settings: SiteSettings
) -> dict[str, bool]:
    """Return for the same releases whether every planned hall ticket has an answer.

    Reads the markers in the lake and no pages.
    """
    index, scope = read_table(development, RELEASE_INDEX), read_scope(settings)
    return {
        release: is_complete(ScrapeRequest.from_index(index, release), archive, scope)
        for release in select_releases(index)
    }


def read_publication_state(
    production: Connection, source: Source
) -> tuple[PublicationState, Publication | None]:
    """Return the state of production compared with development, and its newest publication."""
    last, hold = last_publication(production), current_hold(production)
    has_source_version = (
        last is not None
        and last.source_database == source.database
        and last.source_version >= source.version
    )
    state = PublicationState(
        number=last.number if last else None,
        published_at=last.published_at if last else None,
        behind=source.version > 0 and not has_source_version,
        held=str(hold) if hold else None,
        problem=None,
    )
    return state, last


def read_cache_state(client: Redis, publication: Publication | None) -> CacheState:
    """Return the state of the cache compared with the newest publication of production."""
    living = current_generation(client)
    meta = (read_meta(client, living) if living else None) or {}
    is_current = publication is None or (
        living is not None and generation_for(publication).has_name(living)
    )
    return CacheState(
        generation=living,
        publication=meta.get("publication"),
        built_at=datetime.fromisoformat(meta["built_at"]) if "built_at" in meta else None,
        behind=not is_current,
        problem=None,
    )
