"""`ops.stage_trends`: each stage beside how it usually goes. Read only.

What is usual (medians of the successful ones before) is the view's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from ouspark_assets.warehouse.core.connection import Connection

_COLUMNS = """
t.id, t.run_id, t.asset, t.release, t.started, t.ended, t.outcome, t.died, t.error, t.rows_in,
t.rows_written, t.rows_changed, t.rows_quarantined, t.seconds, t.rows, t.rows_per_second,
t.reject_share, t.changed_share, t.earlier, t.usual_seconds, t.usual_rows, t.usual_reject_share,
t.usual_rows_per_second, t.seconds_ratio, t.rows_ratio
"""


@dataclass(frozen=True)
class StageTrend:
    """A stage of a run in numbers, and what they usually are; None where there is nothing to say.

    `earlier` is of how many successful ones before it, of the same stage and release.
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


def latest_trends(
    connection: Connection, asset: str | None = None, release: str | None = None
) -> Sequence[StageTrend]:
    """The latest run of every stage and release, in the order in which they ran."""
    with connection.cursor(row_factory=class_row(StageTrend)) as cursor:
        return cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM ops.latest_stages JOIN ops.stage_trends AS t USING (id)
             WHERE (%(asset)s::text IS NULL OR t.asset = %(asset)s)
               AND (%(release)s::text IS NULL OR t.release = %(release)s)
             ORDER BY id
            """,
            {"asset": asset, "release": release},
        ).fetchall()


def trends(
    connection: Connection, asset: str | None, release: str | None, most: int
) -> Sequence[StageTrend]:
    """The latest runs of a stage or a release, oldest first."""
    with connection.cursor(row_factory=class_row(StageTrend)) as cursor:
        found = cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM ops.stage_trends AS t
             WHERE (%(asset)s::text IS NULL OR t.asset = %(asset)s)
               AND (%(release)s::text IS NULL OR t.release = %(release)s)
             ORDER BY id DESC LIMIT %(most)s
            """,
            {"asset": asset, "release": release, "most": most},
        ).fetchall()
    return found[::-1]


def seconds_of_each_stage(
    connection: Connection, most: int
) -> dict[tuple[str, str | None], list[float]]:
    """How long the latest successful runs of each stage and release took, oldest first."""
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
        (most,),
    ).fetchall()
    found: dict[tuple[str, str | None], list[float]] = {}
    for asset, release, took in rows:
        key = (str(asset), None if release is None else str(release))
        found[key] = took if isinstance(took, list) else []
    return found
