"""Counters over the whole history, for whoever watches from outside. Read only.

They only ever grow, because the rows they are sums of are kept: whoever prunes `ops.stage_runs`
(and with it `ops.scrapes`) makes them smaller, which Prometheus takes for a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.records.site_health import SiteHealth, health_of_sites

# Upper bounds in seconds of how long a stage takes.
BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)


@dataclass(frozen=True)
class StageCounts:
    """All runs of a stage, of whatever release."""

    asset: str
    succeeded: int
    failed: int
    died: int
    at_work: int
    dead: int
    rows_in: int
    rows_written: int
    rows_changed: int
    rows_quarantined: int
    # How many took no longer than each bound, how many ended at all, and how long in all.
    within: list[int]
    ended: int
    seconds: float


@dataclass(frozen=True)
class LatestStage:
    """The latest run of a stage and release that ended."""

    asset: str
    release: str | None
    succeeded: bool
    ended: datetime
    seconds: float | None
    rows: int | None


@dataclass(frozen=True)
class ScrapeCounts:
    """All scrapes of a release from a site."""

    release: str
    host: str
    requests: int
    found: int
    not_found: int
    no_change: int
    failed: int
    retries: int
    received: int
    outages: int


@dataclass(frozen=True)
class OpenRecords:
    """Records of a table in open quarantine."""

    table_name: str
    records: int


@dataclass(frozen=True)
class History:
    """Everything that the development database counts."""

    stages: Sequence[StageCounts]
    latest: Sequence[LatestStage]
    scrapes: Sequence[ScrapeCounts]
    sites: Sequence[SiteHealth]
    quarantine: Sequence[OpenRecords]


def read_history(connection: Connection) -> History:
    """Everything, as of one moment."""
    return History(
        stages=_stages(connection),
        latest=_latest(connection),
        scrapes=_scrapes(connection),
        sites=health_of_sites(connection),
        quarantine=_quarantine(connection),
    )


def _stages(connection: Connection) -> list[StageCounts]:
    within = ", ".join(f"count(*) FILTER (WHERE seconds <= {bound})" for bound in BUCKETS)
    with connection.cursor(row_factory=class_row(StageCounts)) as cursor:
        return cursor.execute(
            f"""
            SELECT history.asset,
                   count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded,
                   count(*) FILTER (WHERE outcome = 'failed' AND NOT died) AS failed,
                   count(*) FILTER (WHERE died) AS died,
                   count(*) FILTER (WHERE alive) AS at_work,
                   count(*) FILTER (WHERE NOT alive) AS dead,
                   coalesce(sum(rows_in), 0)::bigint AS rows_in,
                   coalesce(sum(rows_written), 0)::bigint AS rows_written,
                   coalesce(sum(rows_changed), 0)::bigint AS rows_changed,
                   coalesce(sum(rows_quarantined), 0)::bigint AS rows_quarantined,
                   ARRAY[{within}] AS within,
                   count(seconds) AS ended,
                   coalesce(sum(seconds), 0) AS seconds
              FROM ops.stage_history AS history
              LEFT JOIN ops.unfinished_stages AS unfinished USING (id)
             GROUP BY history.asset
             ORDER BY history.asset
            """
        ).fetchall()


def _latest(connection: Connection) -> list[LatestStage]:
    with connection.cursor(row_factory=class_row(LatestStage)) as cursor:
        return cursor.execute(
            """
            SELECT DISTINCT ON (asset, coalesce(release, ''))
                   asset, release, outcome = 'succeeded' AS succeeded, ended, seconds, rows
              FROM ops.stage_history
             WHERE ended IS NOT NULL
             ORDER BY asset, coalesce(release, ''), id DESC
            """
        ).fetchall()


def _scrapes(connection: Connection) -> list[ScrapeCounts]:
    sums = ", ".join(
        f"sum({name})::bigint AS {name}"
        for name in (
            "requests", "found", "not_found", "no_change", "failed", "retries", "received",
            "outages",
        )
    )  # fmt: skip
    with connection.cursor(row_factory=class_row(ScrapeCounts)) as cursor:
        return cursor.execute(
            f"""
            SELECT release, host, {sums}
              FROM ops.scrapes JOIN ops.stage_runs ON id = stage_run
             GROUP BY release, host ORDER BY release, host
            """
        ).fetchall()


def _quarantine(connection: Connection) -> list[OpenRecords]:
    with connection.cursor(row_factory=class_row(OpenRecords)) as cursor:
        return cursor.execute(
            """
            SELECT table_name, count(*) FILTER (WHERE status = 'open') AS records
              FROM clean.quarantine GROUP BY table_name ORDER BY table_name
            """
        ).fetchall()
