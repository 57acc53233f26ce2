"""`clean.quarantine`: the records that a load rejected.

A record keeps its number while its page says the same. A record that a later load does not reject
is resolved, not deleted. What makes a record unacceptable is decided in `pages/`.
"""

from dataclasses import dataclass

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.clean import QUARANTINE
from ouspark_assets.warehouse.core.connection import Connection, fetch_value
from ouspark_assets.warehouse.core.frames import column_list, copy_in, identifier
from ouspark_assets.warehouse.core.writing import Writer

REJECTED_COLUMNS = ("release", "hall_ticket", "table_name", "fingerprint", "reasons", "raw")


@dataclass(frozen=True)
class QuarantineChange:
    """The open records of a release after a load, and what the load added and resolved."""

    open: int
    new: int
    resolved: int


def update_quarantine(writer: Writer, release: str, rejected: pl.DataFrame) -> QuarantineChange:
    """Make the open records of a release equal to those that its load rejected."""
    connection = writer.connection
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE rejected ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
        ).format(column_list(REJECTED_COLUMNS), identifier(QUARANTINE))
    )
    copy_in(connection, sql.Identifier("rejected"), REJECTED_COLUMNS, rejected)
    resolved = connection.execute(_RESOLVE, (release,)).rowcount
    new = connection.execute(_ADD).rowcount
    connection.execute("DROP TABLE rejected")
    query = "SELECT count(*) FROM clean.quarantine WHERE release = %s AND status = 'open'"
    count: int = fetch_value(connection, query, (release,))
    return QuarantineChange(open=count, new=new, resolved=resolved)


def count_open_reasons(connection: Connection) -> list[tuple[str, str, int]]:
    """Return the tables and reasons of open records with their counts, the most frequent first."""
    rows = connection.execute(
        """
        SELECT table_name, reason, count(*)
          FROM clean.quarantine, unnest(reasons) AS reason
         WHERE status = 'open'
         GROUP BY table_name, reason
         ORDER BY count(*) DESC, table_name, reason
        """
    ).fetchall()
    return [(table, reason, count) for table, reason, count in rows]


def count_open_records(connection: Connection) -> int:
    """Return the number of open records."""
    query = "SELECT count(*) FROM clean.quarantine WHERE status = 'open'"
    count: int = fetch_value(connection, query)
    return count


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
