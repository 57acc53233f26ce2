"""What the development database knows: how long stages took, rows then and now, quarantine.

Questions only. They are asked every half minute, so each looks at the last days alone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ouspark_assets.operations.alerts.facts import Quarantined, StageTime, Volume
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.warehouse.core.connection import Connection

MOST_EARLIER = 50
LAST_RUN = "the run before"
# Their rows are those of one scrape or build, not of all there is.
NOT_COMPARED = ["raw.result_pages", "cache.generation"]


def stage_times(connection: Connection) -> list[StageTime]:
    """The latest run of each stage and release of the last day, beside what it usually takes.

    Runs that changed something are compared with such runs alone: the others end at once.
    """
    rows: list[Any] = connection.execute(
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
        (MOST_EARLIER,),
    ).fetchall()
    return [
        StageTime(_key(asset), release, run, started, seconds, is_running, tuple(earlier))
        for asset, release, run, started, seconds, is_running, earlier in rows
    ]


def volumes_of_last_runs(connection: Connection) -> list[Volume]:
    """The rows of each stage and release that ran within a week, beside the run before."""
    rows: list[Any] = connection.execute(
        """
        SELECT asset, release, run_id, ended, rows_written, before FROM (
          SELECT *, lead(rows_written) OVER stage AS before, row_number() OVER stage AS place
            FROM ops.stage_runs
           WHERE outcome = 'succeeded' AND rows_written IS NOT NULL AND asset <> ALL (%s)
             AND started > now() - interval '60 days'
          WINDOW stage AS (PARTITION BY asset, release ORDER BY id DESC)
        ) AS numbered
         WHERE place = 1 AND before > 0 AND ended > now() - interval '7 days'
        """,
        (NOT_COMPARED,),
    ).fetchall()
    return [
        Volume(
            what=f"rows of {_key(asset)}" + (f" of {release}" if release else ""),
            asset=_key(asset),
            release=release,
            rows=now,
            before=before,
            before_name=LAST_RUN,
            at=ended,
            run_id=run,
        )
        for asset, release, run, ended, now, before in rows
    ]


def students_of_releases(connection: Connection) -> Mapping[str, tuple[int, datetime]]:
    """How many students' pages were accepted of each release, and when it was loaded."""
    rows: list[Any] = connection.execute(
        """
        SELECT release, accepted, loaded_at FROM ops.accounts JOIN ops.loads USING (release)
         WHERE table_name = 'appearances'
        """
    ).fetchall()
    return {release: (students, at) for release, students, at in rows}


def quarantined(connection: Connection) -> list[Quarantined]:
    """Open records by release and moment, of the last year."""
    rows: list[Any] = connection.execute(
        """
        SELECT release, first_seen_at, count(*) FROM clean.quarantine
         WHERE status = 'open' AND first_seen_at > now() - interval '1 year'
         GROUP BY release, first_seen_at
        """
    ).fetchall()
    return [Quarantined(release, at, records) for release, at, records in rows]


def changed_since(connection: Connection, version: int) -> datetime | None:
    """When what is published changed first after a version; None when it did not."""
    row = connection.execute(
        "SELECT min(committed_at) FROM ops.versions WHERE version > %s AND tables && %s::text[]",
        (version, [table.qualified_name for table in PUBLISHED_TABLES]),
    ).fetchone()
    return row[0] if row and isinstance(row[0], datetime) else None


def _key(asset: str) -> str:
    """A stage's name as the graph writes assets."""
    return asset.replace(".", "/", 1)
