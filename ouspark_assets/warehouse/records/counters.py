"""Counters over the whole operational history, for metrics. Read only.

The counters never decrease, because the rows that they sum are kept. Pruning `ops.stage_runs` (and
with it `ops.scrapes`) would make them smaller, which Prometheus treats as a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ouspark_assets.warehouse.core.connection import Connection, fetch_objects
from ouspark_assets.warehouse.records.site_health import SiteHealth, read_site_health

# Upper bounds of the histogram of stage durations, in seconds.
BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)


@dataclass(frozen=True)
class StageCounts:
    """All runs of a stage over all releases."""

    asset: str
    succeeded: int
    failed: int
    died: int
    running: int
    dead: int
    rows_in: int
    rows_written: int
    rows_changed: int
    rows_quarantined: int
    # Runs within each bound of the histogram, runs that ended, and their total duration.
    within: list[int]
    ended: int
    seconds: float


@dataclass(frozen=True)
class LatestStage:
    """The latest completed run of a stage and release."""

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
    no_result: int = 0


@dataclass(frozen=True)
class OpenRecords:
    """The number of open records of a table."""

    table_name: str
    records: int


@dataclass(frozen=True)
class OperationalCounts:
    """All counters of the development database."""

    stages: Sequence[StageCounts]
    latest: Sequence[LatestStage]
    scrapes: Sequence[ScrapeCounts]
    sites: Sequence[SiteHealth]
    quarantine: Sequence[OpenRecords]


_STAGES = f"""
SELECT history.asset,
       count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE outcome = 'failed' AND NOT died) AS failed,
       count(*) FILTER (WHERE died) AS died,
       count(*) FILTER (WHERE alive) AS running,
       count(*) FILTER (WHERE NOT alive) AS dead,
       coalesce(sum(rows_in), 0)::bigint AS rows_in,
       coalesce(sum(rows_written), 0)::bigint AS rows_written,
       coalesce(sum(rows_changed), 0)::bigint AS rows_changed,
       coalesce(sum(rows_quarantined), 0)::bigint AS rows_quarantined,
       ARRAY[{", ".join(f"count(*) FILTER (WHERE seconds <= {bound})" for bound in BUCKETS)}]
         AS within,
       count(seconds) AS ended,
       coalesce(sum(seconds), 0) AS seconds
  FROM ops.stage_history AS history
  LEFT JOIN ops.unfinished_stages AS unfinished USING (id)
 GROUP BY history.asset
 ORDER BY history.asset
"""
_LATEST = """
SELECT DISTINCT ON (asset, coalesce(release, ''))
       asset, release, outcome = 'succeeded' AS succeeded, ended, seconds, rows
  FROM ops.stage_history
 WHERE ended IS NOT NULL
 ORDER BY asset, coalesce(release, ''), id DESC
"""
_SCRAPES = """
SELECT release, host, sum(requests)::bigint AS requests, sum(found)::bigint AS found,
       sum(not_found)::bigint AS not_found, sum(no_change)::bigint AS no_change,
       sum(no_result)::bigint AS no_result, sum(failed)::bigint AS failed,
       sum(retries)::bigint AS retries, sum(received)::bigint AS received,
       sum(outages)::bigint AS outages
  FROM ops.scrapes JOIN ops.stage_runs ON id = stage_run
 GROUP BY release, host ORDER BY release, host
"""
_QUARANTINE = """
SELECT table_name, count(*) FILTER (WHERE status = 'open') AS records
  FROM clean.quarantine GROUP BY table_name ORDER BY table_name
"""


def read_counters(connection: Connection) -> OperationalCounts:
    """Return all counters."""
    return OperationalCounts(
        stages=fetch_objects(connection, StageCounts, _STAGES),
        latest=fetch_objects(connection, LatestStage, _LATEST),
        scrapes=fetch_objects(connection, ScrapeCounts, _SCRAPES),
        sites=read_site_health(connection),
        quarantine=fetch_objects(connection, OpenRecords, _QUARANTINE),
    )
