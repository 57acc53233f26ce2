"""`ops.stage_trends`: runs of each stage compared with the median of earlier runs. Read only.

The medians (over earlier successful runs) are defined by the view.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ouspark_assets.warehouse.core.connection import Connection, fetch_objects


@dataclass(frozen=True)
class StageTrend:
    """The figures of one stage run, and their medians; None if unknown.

    `earlier` is the number of successful runs before it, of the same stage and release.
    """

    id: int
    run_id: str
    asset: str
    release: str | None
    started: datetime
    ended: datetime | None
    outcome: str
    died: bool
    error: str | None
    rows_in: int | None
    rows_written: int | None
    rows_changed: int | None
    rows_quarantined: int | None
    seconds: float | None
    rows: int | None
    rows_per_second: float | None
    reject_share: float | None
    changed_share: float | None
    earlier: int
    usual_seconds: float | None
    usual_rows: float | None
    usual_reject_share: float | None
    usual_rows_per_second: float | None
    seconds_ratio: float | None
    rows_ratio: float | None


_COLUMNS = ", ".join(f"t.{name}" for name in StageTrend.__dataclass_fields__)
_IS_REQUESTED = """
(%(asset)s::text IS NULL OR t.asset = %(asset)s)
AND (%(release)s::text IS NULL OR t.release = %(release)s)
"""


def latest_trends(
    connection: Connection, asset: str | None = None, release: str | None = None
) -> Sequence[StageTrend]:
    """Return the latest run of every stage and release, in the order of the runs."""
    query = f"""
        SELECT {_COLUMNS} FROM ops.latest_stages JOIN ops.stage_trends AS t USING (id)
         WHERE {_IS_REQUESTED} ORDER BY id
    """
    return fetch_objects(connection, StageTrend, query, {"asset": asset, "release": release})


def read_trends(
    connection: Connection, asset: str | None, release: str | None, limit: int
) -> Sequence[StageTrend]:
    """Return the latest runs of a stage or a release, oldest first."""
    query = f"""
        SELECT {_COLUMNS} FROM ops.stage_trends AS t
         WHERE {_IS_REQUESTED} ORDER BY id DESC LIMIT %(limit)s
    """
    parameters = {"asset": asset, "release": release, "limit": limit}
    return fetch_objects(connection, StageTrend, query, parameters)[::-1]


def read_stage_durations(
    connection: Connection, limit: int
) -> dict[tuple[str, str | None], list[float]]:
    """Return the seconds of the latest successful runs per stage and release, oldest first."""
    rows = connection.execute(
        """
        SELECT asset, release, array_agg(seconds ORDER BY id)
          FROM (SELECT id, asset, release, seconds,
                       row_number() OVER (PARTITION BY asset, release ORDER BY id DESC) AS place
                  FROM ops.stage_history
                 WHERE outcome = 'succeeded' AND seconds IS NOT NULL) AS numbered
         WHERE place <= %s
         GROUP BY asset, release
        """,
        (limit,),
    ).fetchall()
    return {(asset, release): seconds for asset, release, seconds in rows}
