"""The queries that read alert facts from the development database, production and the cache.

They run every 30 seconds, so each looks only at recent rows. The facts of Dagster's own storage are
read in `orchestration/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from redis import Redis

from ouspark_assets.cache.generation import current_generation, read_meta
from ouspark_assets.cache.prewarm import generation_for
from ouspark_assets.operations.alerts.facts import (
    Freshness,
    ListedRelease,
    LiveRelease,
    QuarantinedRecords,
    SiteOutage,
    StageDuration,
    VolumeComparison,
)
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.connection import Connection, fetch_objects, fetch_value
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    current_hold,
    last_publication,
)
from ouspark_assets.warehouse.publication.publish_transaction import current_source
from ouspark_assets.warehouse.records.stage_runs import COMMAND_PREFIX

# The largest `last` that a slow_stage rule may have.
MAX_EARLIER_RUNS = 50
# Part of the subject of stored alerts: another text would open each of them again.
PREVIOUS_RUN = "the run before"
# Their row counts are those of one scrape or build, not of the whole table.
NOT_COMPARED = ["raw.result_pages", "cache.generation"]
# A release that readers have had for longer is no longer news.
NEWS_PERIOD = timedelta(days=1)


@dataclass(frozen=True)
class ServedGeneration:
    """The cache generation that readers use, and its releases."""

    name: str | None
    releases: frozenset[str]

    @classmethod
    def read(cls, client: Redis) -> "ServedGeneration":
        """Return the current generation of the cache."""
        name = current_generation(client)
        meta = (read_meta(client, name) if name else None) or {}
        return cls(name, frozenset(meta.get("releases", ())))


@dataclass(frozen=True)
class ProductionState:
    """The newest publication of production, and the hold on the next one."""

    last: Publication | None
    hold: str | None
    first_published_at: datetime | None
    # The releases that were published a day ago, else those of the first publication.
    earlier_releases: frozenset[str]

    @classmethod
    def read(cls, production: Connection, now: datetime) -> "ProductionState":
        """Return the current state of production."""
        hold = current_hold(production)
        row = production.execute(
            """
            SELECT (SELECT min(published_at) FROM ops.publications),
                   coalesce((SELECT releases FROM ops.publications WHERE published_at < %s
                              ORDER BY number DESC LIMIT 1),
                            (SELECT releases FROM ops.publications ORDER BY number LIMIT 1), '{}')
            """,
            (now - NEWS_PERIOD,),
        ).fetchone()
        first_published_at, earlier_releases = row or (None, [])
        return cls(
            last=last_publication(production),
            hold=str(hold) if hold else None,
            first_published_at=first_published_at,
            earlier_releases=frozenset(earlier_releases),
        )


def fetch_stage_durations(development: Connection) -> list[StageDuration]:
    """Return the latest run of each stage and release of the last day, with the earlier durations.

    A run that changed rows is compared only with runs that changed rows: the others end at once.
    """
    rows = development.execute(
        """
        WITH latest AS (
          SELECT DISTINCT ON (asset, coalesce(release, '')) *
            FROM ops.stage_runs WHERE started > now() - interval '1 day'
           ORDER BY asset, coalesce(release, ''), id DESC
        )
        SELECT asset, release, run_id, started,
               extract(epoch FROM coalesce(ended, now()) - started)::float8, ended IS NULL,
               ARRAY(SELECT extract(epoch FROM earlier.ended - earlier.started)::float8
                       FROM ops.stage_runs AS earlier
                      WHERE earlier.asset = latest.asset AND earlier.id < latest.id
                        AND earlier.outcome = 'succeeded'
                        AND (latest.ended IS NULL OR (coalesce(earlier.rows_changed, 0) > 0)
                                                   = (coalesce(latest.rows_changed, 0) > 0))
                      ORDER BY earlier.id DESC LIMIT %s)
          FROM latest
         WHERE outcome = 'succeeded'
            OR id IN (SELECT id FROM ops.unfinished_stages WHERE alive)
        """,
        (MAX_EARLIER_RUNS,),
    ).fetchall()
    return [
        StageDuration(_asset_key(asset), release, run, started, seconds, is_running, tuple(earlier))
        for asset, release, run, started, seconds, is_running, earlier in rows
    ]


def fetch_scrape_outages(development: Connection) -> list[SiteOutage]:
    """Return the site that was scraped last, if its circuit breaker has been open since."""
    return fetch_objects(
        development,
        SiteOutage,
        """
        SELECT host AS what, since, coalesce(trouble, '') AS reason FROM ops.site_health
         WHERE breaker <> 'closed' AND seen_at = (SELECT max(seen_at) FROM ops.site_health)
        """,
    )


def compare_with_previous_run(development: Connection) -> list[VolumeComparison]:
    """Return the rows of each stage and release of the last week, compared with the run before.

    Commands outside of Dagster are left out: a rollback has fewer rows on purpose.
    """
    rows = development.execute(
        """
        SELECT asset, release, run_id, ended, rows_written, before FROM (
          SELECT *, lead(rows_written) OVER stage AS before, row_number() OVER stage AS place
            FROM ops.stage_runs
           WHERE outcome = 'succeeded' AND rows_written IS NOT NULL AND asset <> ALL (%s)
             AND NOT starts_with(run_id, %s)
             AND started > now() - interval '60 days'
          WINDOW stage AS (PARTITION BY asset, release ORDER BY id DESC)
        ) AS numbered
         WHERE place = 1 AND before > 0 AND ended > now() - interval '7 days'
        """,
        (NOT_COMPARED, COMMAND_PREFIX),
    ).fetchall()
    return [
        VolumeComparison(
            measure=f"rows of {_asset_key(asset)}" + (f" of {release}" if release else ""),
            asset=_asset_key(asset),
            release=release,
            count=count,
            baseline_count=baseline_count,
            baseline=PREVIOUS_RUN,
            at=ended,
            run_id=run,
        )
        for asset, release, run, ended, count, baseline_count in rows
    ]


def fetch_student_counts(development: Connection) -> Mapping[str, tuple[int, datetime]]:
    """Return per release how many students' pages were accepted, and when it was loaded."""
    rows = development.execute(
        """
        SELECT release, accepted, loaded_at FROM ops.accounts JOIN ops.loads USING (release)
         WHERE table_name = 'appearances'
        """
    ).fetchall()
    return {release: (students, loaded_at) for release, students, loaded_at in rows}


def fetch_open_quarantine(development: Connection) -> list[QuarantinedRecords]:
    """Return the open quarantine records of the last year, counted by release and time."""
    return fetch_objects(
        development,
        QuarantinedRecords,
        """
        SELECT release, first_seen_at, count(*) AS records FROM clean.quarantine
         WHERE status = 'open' AND first_seen_at > now() - interval '1 year'
         GROUP BY release, first_seen_at
        """,
    )


def fetch_publication_freshness(development: Connection, production: ProductionState) -> Freshness:
    """Return since when production has lacked a change of development."""
    source, last = current_source(development), production.last
    number = last.number if last else None
    if not source.releases:
        return Freshness(number, None)
    is_same_source = last is not None and last.source_database == source.database
    version = last.source_version if last and is_same_source else 0
    behind_since = fetch_value(
        development,
        "SELECT min(committed_at) FROM ops.versions WHERE version > %s AND tables && %s::text[]",
        (version, [table.qualified_name for table in PUBLISHED_TABLES]),
    )
    return Freshness(number, behind_since, production.hold)


def find_cache_freshness(production: ProductionState, served: ServedGeneration) -> Freshness:
    """Return since when the cache has lacked the newest publication."""
    last = production.last
    if last is None:
        return Freshness(None, None)
    return Freshness(last.number, None if _is_serving(served, last) else last.published_at)


def find_listed_releases(index: pl.DataFrame, served: ServedGeneration) -> list[ListedRelease]:
    """Return the releases of the index that the pipeline loads automatically."""
    selected = index.filter(pl.col("release").is_in(select_releases(index)))
    return [
        ListedRelease(**row, is_served=row["release"] in served.releases)
        for row in selected.select("release", "title", "first_seen_at").iter_rows(named=True)
    ]


def find_live_releases(
    listed: Sequence[ListedRelease],
    production: ProductionState,
    served: ServedGeneration,
    student_counts: Mapping[str, tuple[int, datetime]],
) -> list[LiveRelease]:
    """Return the releases that readers have had since less than `NEWS_PERIOD`.

    Only releases that appeared on the index after the first publication count: an older one that
    is loaded later is not news.
    """
    last, first_published_at = production.last, production.first_published_at
    if last is None or last.published_at is None or first_published_at is None:
        return []
    if not _is_serving(served, last):
        return []
    return [
        LiveRelease(
            release=release.release,
            title=release.title,
            students=student_counts.get(release.release, (0, last.published_at))[0],
            publication=last.number,
            since=last.published_at,
        )
        for release in listed
        if release.is_served
        and release.release not in production.earlier_releases
        and release.first_seen_at > first_published_at
    ]


def _is_serving(served: ServedGeneration, publication: Publication) -> bool:
    return served.name is not None and generation_for(publication).has_name(served.name)


def _asset_key(stage: str) -> str:
    """Return a stage's name (`clean.marks`) as an asset key (`clean/marks`)."""
    return stage.replace(".", "/", 1)
