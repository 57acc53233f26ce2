"""Removing a student from both databases, and from what they remember of earlier states.

Development loses the rows at once and leaves tombstones, by which the next publication removes
them from production; afterwards the tombstones and the publication history go too.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.clean import QUARANTINE
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import identifier, read_query
from ouspark_assets.warehouse.core.locks import Lock, hold
from ouspark_assets.warehouse.core.statements import key_as_json
from ouspark_assets.warehouse.core.writing import writing

DECISIONS, CORRECTIONS = "ops.decisions", "ops.corrections"


def of_students(tables: Iterable[Table]) -> list[Table]:
    """The tables with rows of students."""
    return [table for table in tables if "hall_ticket" in table.columns]


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


def forget_in_development(
    connection: Connection, tables: Sequence[Table], ticket: str, run_id: str
) -> Mapping[str, int]:
    """Remove every row of a student; how many of each table, those without any left out."""
    removed: dict[str, int] = {}
    with writing(connection, run_id) as writer:
        removed[DECISIONS] = connection.execute(_DECISIONS, {"ticket": ticket}).rowcount
        removed[CORRECTIONS] = connection.execute(
            "DELETE FROM ops.corrections WHERE hall_ticket = %s", (ticket,)
        ).rowcount
        removed[QUARANTINE.qualified_name] = connection.execute(
            _QUARANTINE, {"ticket": ticket}
        ).rowcount
        for table in of_students(tables):
            if table is QUARANTINE:
                continue
            query = _with_tombstones(table) if table.published else _plainly(table)
            count = connection.execute(query, {"ticket": ticket}).rowcount
            removed[table.qualified_name] = count
            if count and table.published:
                writer.changed_tables.add(table.qualified_name)
    return {name: count for name, count in removed.items() if count}


def forget_tombstones(connection: Connection, ticket: str) -> int:
    """Remove what is remembered of removed rows, once no production database has them."""
    return connection.execute(
        "DELETE FROM ops.tombstones WHERE key ->> 'hall_ticket' = %s", (ticket,)
    ).rowcount


def forget_in_history(production: Connection, ticket: str) -> int:
    """Remove a student from what earlier publications replaced; how many rows spoke of them.

    A rollback then brings back everything but this student.
    """
    with production.transaction():
        hold(production, Lock.PUBLISH)
        removed = production.execute(
            "DELETE FROM ops.publication_changes WHERE key ->> 'hall_ticket' = %s", (ticket,)
        ).rowcount
        return removed + production.execute(_TOPPERS, {"ticket": ticket}).rowcount


def _with_tombstones(table: Table) -> sql.Composed:
    return sql.SQL(
        """
        WITH removed AS (
          DELETE FROM {target} AS target WHERE hall_ticket = %(ticket)s RETURNING {key} AS key
        )
        INSERT INTO ops.tombstones (table_name, key) SELECT {name}, key FROM removed
        """
    ).format(
        target=identifier(table), key=key_as_json(table), name=sql.Literal(table.qualified_name)
    )


def _plainly(table: Table) -> sql.Composed:
    return sql.SQL("DELETE FROM {} WHERE hall_ticket = %(ticket)s").format(identifier(table))


# What a page said of one student can stand in the record of another: a page that answers for the
# wrong ticket.
_ABOUT_THE_STUDENT = "(hall_ticket = %(ticket)s OR strpos(raw::text, %(ticket)s) > 0)"
_QUARANTINE = f"DELETE FROM clean.quarantine WHERE {_ABOUT_THE_STUDENT}"
_DECISIONS = f"""
DELETE FROM ops.decisions
 WHERE record IN (SELECT id FROM clean.quarantine WHERE {_ABOUT_THE_STUDENT})
"""
_TOPPERS = """
UPDATE ops.publication_changes
   SET old_row = jsonb_set(old_row, '{toppers}', (
         SELECT coalesce(jsonb_agg(entry ORDER BY place), '[]')
           FROM jsonb_array_elements(old_row -> 'toppers') WITH ORDINALITY AS it (entry, place)
          WHERE entry ->> 'hall_ticket' <> %(ticket)s))
 WHERE old_row -> 'toppers'
       @> jsonb_build_array(jsonb_build_object('hall_ticket', %(ticket)s::text))
"""
