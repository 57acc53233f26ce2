"""What operators ask of the development database: what ran, what failed, what is in quarantine.

What the history says of how things usually go is `history.py`, how the site fares `site_health.py`.
"""

from collections.abc import Sequence

from ouspark_assets.warehouse.core.connection import Connection

_COLUMNS = "id, run_id, asset, release, started, ended, outcome, error"
Row = tuple[object, ...]


def recent_stage_runs(connection: Connection, most: int) -> Sequence[Row]:
    """The latest rows of `ops.stage_runs`, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ops.stage_runs ORDER BY id DESC LIMIT %s", (most,)
    ).fetchall()
    return rows[::-1]


def latest_of_each_stage(connection: Connection) -> Sequence[Row]:
    """The latest row of every stage and release, oldest first."""
    return connection.execute(f"SELECT {_COLUMNS} FROM ops.latest_stages ORDER BY id").fetchall()


def stages_at_work(connection: Connection) -> set[int]:
    """The numbers of the stages that are at work now; others without an end were killed."""
    rows = connection.execute("SELECT id FROM ops.unfinished_stages WHERE alive").fetchall()
    return {int(str(row[0])) for row in rows}


def open_reasons(connection: Connection) -> list[tuple[str, str, int]]:
    """Open quarantine by table and reason, the most frequent first: table, reason, records."""
    rows = connection.execute(
        """
        SELECT table_name, reason, count(*)
          FROM clean.quarantine, unnest(reasons) AS reason
         WHERE status = 'open'
         GROUP BY table_name, reason
         ORDER BY count(*) DESC, table_name, reason
        """
    ).fetchall()
    return [(str(table), str(reason), int(str(count))) for table, reason, count in rows]


def open_records(connection: Connection) -> int:
    """How many records are in open quarantine."""
    row = connection.execute(
        "SELECT count(*) FROM clean.quarantine WHERE status = 'open'"
    ).fetchone()
    return int(str(row[0])) if row else 0
