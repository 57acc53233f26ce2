"""`clean.quarantine`: what a load could not accept.

A record keeps its number for as long as the page says the same; one that a load no longer
produces is resolved, not deleted. What makes a record unacceptable is decided in `pages/`.
"""

from dataclasses import dataclass

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.clean import QUARANTINE
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import copy_in, identifier
from ouspark_assets.warehouse.core.writing import Writer

REJECTED_COLUMNS = ("release", "hall_ticket", "table_name", "fingerprint", "reasons", "raw")


@dataclass(frozen=True)
class Quarantined:
    """What a load did to the quarantine."""

    open: int
    new: int
    resolved: int


def quarantine(writer: Writer, release: str, rejected: pl.DataFrame) -> Quarantined:
    """Make the open records of a release equal to what its load rejected."""
    connection = writer.connection
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE rejected ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
        ).format(sql.SQL(", ").join(map(sql.Identifier, REJECTED_COLUMNS)), identifier(QUARANTINE))
    )
    copy_in(connection, sql.Identifier("rejected"), REJECTED_COLUMNS, rejected)
    resolved = connection.execute(_RESOLVE, (release,)).rowcount
    new = connection.execute(_ADD).rowcount
    connection.execute("DROP TABLE rejected")
    row = connection.execute(
        "SELECT count(*) FROM clean.quarantine WHERE release = %s AND status = 'open'", (release,)
    ).fetchone()
    return Quarantined(open=int(str(row[0])) if row else 0, new=new, resolved=resolved)


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


_RESOLVE = """
UPDATE clean.quarantine q
   SET status = 'resolved', resolved_at = now()
 WHERE q.release = %s AND q.status = 'open'
   AND NOT EXISTS (SELECT FROM rejected r
                    WHERE (r.hall_ticket, r.table_name, r.fingerprint)
                        = (q.hall_ticket, q.table_name, q.fingerprint))
"""
_ADD = """
INSERT INTO clean.quarantine AS q (release, hall_ticket, table_name, fingerprint, reasons, raw)
SELECT release, hall_ticket, table_name, fingerprint, reasons, raw FROM rejected
ON CONFLICT (release, hall_ticket, table_name, fingerprint) DO UPDATE
   SET reasons = EXCLUDED.reasons, status = 'open', resolved_at = NULL
 WHERE q.status = 'resolved' OR q.reasons <> EXCLUDED.reasons
"""
