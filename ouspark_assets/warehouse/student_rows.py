"""Removing a student from both databases, and from what they remember of earlier states.

Development loses the rows at once and leaves tombstones, by which the next publication removes
them from production; afterwards the tombstones and the publication history go too.
"""

from collections.abc import Mapping, Sequence

from psycopg import sql

from ouspark_assets.schemas.clean import QUARANTINE
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.locks import Lock, hold
from ouspark_assets.warehouse.core.reading import identifier
from ouspark_assets.warehouse.core.statements import key_as_json
from ouspark_assets.warehouse.core.writing import writing
from ouspark_assets.warehouse.one_student import of_students

DECISIONS, CORRECTIONS = "ops.decisions", "ops.corrections"


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
