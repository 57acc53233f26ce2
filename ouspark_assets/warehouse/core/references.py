"""References between the clean tables, and the number of rows that violate them.

They are not foreign keys, because marks may be loaded while their appearance is in quarantine, and
because a foreign key looks up every row during COPY. Blocking checks enforce them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS, STUDENTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, fetch_value
from ouspark_assets.warehouse.core.frames import identifier


@dataclass(frozen=True)
class Reference:
    """Every row of `table` refers to a row of `to`; `columns` pairs the columns of both."""

    table: Table
    to: Table
    columns: Sequence[tuple[str, str]]
    # Rows whose referenced record is in quarantine do not count as violations.
    or_quarantined: bool = False


PAGE = (("release", "release"), ("hall_ticket", "hall_ticket"))
REFERENCES = (
    Reference(APPEARANCES, RELEASE_INDEX, (("release", "release"),)),
    Reference(MARKS, APPEARANCES, PAGE, or_quarantined=True),
    Reference(RESULTS, APPEARANCES, PAGE, or_quarantined=True),
    Reference(STUDENTS, APPEARANCES, (("hall_ticket", "hall_ticket"), ("last_release", "release"))),
)


def count_dangling_rows(connection: Connection, reference: Reference) -> int:
    """Return the number of rows whose referenced row is missing."""
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
    parameters = (reference.to.name,) * reference.or_quarantined
    count: int = fetch_value(connection, query, parameters)
    return count


_NOT_QUARANTINED = sql.SQL(
    """
    AND NOT EXISTS (SELECT FROM clean.quarantine AS q
                     WHERE q.table_name = %s AND q.status <> 'resolved'
                       AND q.release = a.release AND q.hall_ticket = a.hall_ticket)
    """
)
