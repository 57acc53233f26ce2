"""The rows of one student, in every table that has any. What they mean is told in `explain/`."""

from collections.abc import Iterable, Mapping

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_query
from ouspark_assets.warehouse.core.reading import identifier

TICKET = "hall_ticket"


def of_students(tables: Iterable[Table]) -> list[Table]:
    """The tables with rows of students."""
    return [table for table in tables if TICKET in table.columns]


def rows_of(connection: Connection, table: Table, ticket: str) -> pl.DataFrame:
    """The rows of a table that are of this student, in order of their key."""
    query = sql.SQL("SELECT {} FROM {} WHERE hall_ticket = %s ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )
    return read_query(connection, query, table.dtypes, (ticket,))


def count_rows(connection: Connection, tables: Iterable[Table], ticket: str) -> Mapping[str, int]:
    """How many rows of this student each table has; tables without any are left out."""
    counts: dict[str, int] = {}
    for table in of_students(tables):
        query = sql.SQL("SELECT count(*) FROM {} WHERE hall_ticket = %s").format(identifier(table))
        row = connection.execute(query, (ticket,)).fetchone()
        if row is not None and (count := int(str(row[0]))):
            counts[table.qualified_name] = count
    return counts


def latest_version(connection: Connection, tables: Iterable[Table], ticket: str) -> int:
    """The version of the last change to what is published of this student; 0 without any."""
    versions = [
        sql.SQL("SELECT max(version) AS version FROM {} WHERE hall_ticket = {}").format(
            identifier(table), sql.Literal(ticket)
        )
        for table in of_students(tables)
    ]
    gone = sql.SQL(
        "SELECT max(version) FROM ops.tombstones WHERE key ->> 'hall_ticket' = {}"
    ).format(sql.Literal(ticket))
    union = sql.SQL(" UNION ALL ").join([*versions, gone])
    query = sql.SQL("SELECT coalesce(max(version), 0) FROM ({}) AS versions").format(union)
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0
