"""References between the clean tables: rows that point to something that is not there.

No foreign keys: a load may bring marks whose appearance is in quarantine, and every row would be
looked up while it is copied. Counted here, and held by blocking checks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS, STUDENTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import identifier


@dataclass(frozen=True)
class Reference:
    """Every row of `table` has a row in `to`, by these columns (of the one and of the other)."""

    table: Table
    to: Table
    columns: Sequence[tuple[str, str]]
    # A row may do without when the record it needs is kept in quarantine.
    or_quarantined: bool = False


PAGE = (("release", "release"), ("hall_ticket", "hall_ticket"))
REFERENCES = (
    Reference(APPEARANCES, RELEASE_INDEX, (("release", "release"),)),
    Reference(MARKS, APPEARANCES, PAGE, or_quarantined=True),
    Reference(RESULTS, APPEARANCES, PAGE, or_quarantined=True),
    Reference(STUDENTS, APPEARANCES, (("hall_ticket", "hall_ticket"), ("last_release", "release"))),
)


def dangling(connection: Connection, reference: Reference) -> int:
    """How many rows point to nothing."""
    same = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("b", to), sql.Identifier("a", column))
        for column, to in reference.columns
    )
    query = sql.SQL(
        "SELECT count(*) FROM {} AS a WHERE NOT EXISTS (SELECT FROM {} AS b WHERE {}) {}"
    ).format(
        identifier(reference.table),
        identifier(reference.to),
        same,
        _NOT_QUARANTINED if reference.or_quarantined else sql.SQL(""),
    )
    row = connection.execute(query, (reference.to.name,) * reference.or_quarantined).fetchone()
    return int(str(row[0])) if row else 0


_NOT_QUARANTINED = sql.SQL(
    """
    AND NOT EXISTS (SELECT FROM clean.quarantine AS q
                     WHERE q.table_name = %s AND q.status <> 'resolved'
                       AND q.release = a.release AND q.hall_ticket = a.hall_ticket)
    """
)
