"""The rows of one student in all tables: reading, counting, and deleting them.

Deleting in development leaves tombstones, by which the next publication deletes the rows in
production. After that, tombstones and the kept history of publications are deleted too.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.clean import QUARANTINE
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, fetch_value
from ouspark_assets.warehouse.core.frames import column_list, identifier, read_query
from ouspark_assets.warehouse.core.locks import Lock, acquire
from ouspark_assets.warehouse.core.statements import key_as_json
from ouspark_assets.warehouse.core.writing import write_transaction

DECISIONS, CORRECTIONS = "ops.decisions", "ops.corrections"
# Tables of ours, beyond those with a model, that have or had rows about students.
OTHER_TABLES = ("ops.tombstones", "ops.publication_changes", DECISIONS, CORRECTIONS)


def student_tables(tables: Iterable[Table]) -> list[Table]:
    """Return the tables that have a hall ticket."""
    return [table for table in tables if "hall_ticket" in table.columns]


def read_student_rows(connection: Connection, table: Table, ticket: str) -> pl.DataFrame:
    """Return the rows of a student in one table, ordered by key."""
    query = sql.SQL("SELECT {} FROM {} WHERE hall_ticket = %s ORDER BY {}").format(
        column_list(table.columns), identifier(table), column_list(table.key)
    )
    return read_query(connection, query, table.dtypes, (ticket,))


def count_student_rows(
    connection: Connection, tables: Iterable[Table], ticket: str
) -> Mapping[str, int]:
    """Return how many rows of a student each table has; tables without any are left out."""
    counts: dict[str, int] = {}
    for table in student_tables(tables):
        query = sql.SQL("SELECT count(*) FROM {} WHERE hall_ticket = %s").format(identifier(table))
        if count := fetch_value(connection, query, (ticket,)):
            counts[table.qualified_name] = count
    return counts


def latest_student_version(connection: Connection, tables: Iterable[Table], ticket: str) -> int:
    """Return the version of the last change to a student's published rows; 0 without any."""
    versions = [
        sql.SQL("SELECT max(version) AS version FROM {} WHERE hall_ticket = {}").format(
            identifier(table), sql.Literal(ticket)
        )
        for table in student_tables(tables)
    ]
    tombstones = sql.SQL(
        "SELECT max(version) FROM ops.tombstones WHERE key ->> 'hall_ticket' = {}"
    ).format(sql.Literal(ticket))
    union = sql.SQL(" UNION ALL ").join([*versions, tombstones])
    query = sql.SQL("SELECT coalesce(max(version), 0) FROM ({}) AS versions").format(union)
    version: int = fetch_value(connection, query)
    return version


def delete_in_development(
    connection: Connection, tables: Sequence[Table], ticket: str, run_id: str
) -> Mapping[str, int]:
    """Delete every row of a student; return the number per table, without zeros."""
    removed: dict[str, int] = {}
    with write_transaction(connection, run_id) as writer:
        removed[DECISIONS] = connection.execute(_DELETE_DECISIONS, {"ticket": ticket}).rowcount
        removed[CORRECTIONS] = connection.execute(
            "DELETE FROM ops.corrections WHERE hall_ticket = %s", (ticket,)
        ).rowcount
        removed[QUARANTINE.qualified_name] = connection.execute(
            _DELETE_QUARANTINE, {"ticket": ticket}
        ).rowcount
        for table in student_tables(tables):
            if table is QUARANTINE:
                continue
            query = _DELETE_WITH_TOMBSTONES if table.published else _DELETE
            composed = sql.SQL(query).format(
                target=identifier(table),
                key=key_as_json(table),
                name=sql.Literal(table.qualified_name),
            )
            count = connection.execute(composed, {"ticket": ticket}).rowcount
            removed[table.qualified_name] = count
            if count and table.published:
                writer.changed_tables.add(table.qualified_name)
    return {name: count for name, count in removed.items() if count}


def delete_tombstones(connection: Connection, ticket: str) -> int:
    """Delete the tombstones of a student, once production has deleted the rows."""
    return connection.execute(
        "DELETE FROM ops.tombstones WHERE key ->> 'hall_ticket' = %s", (ticket,)
    ).rowcount


def delete_from_history(production: Connection, ticket: str) -> int:
    """Delete a student from the rows that earlier publications replaced; return their number.

    A later rollback restores everything except this student.
    """
    with production.transaction():
        acquire(production, Lock.PUBLISH)
        removed = production.execute(
            "DELETE FROM ops.publication_changes WHERE key ->> 'hall_ticket' = %s", (ticket,)
        ).rowcount
        return removed + production.execute(_REMOVE_FROM_TOPPERS, {"ticket": ticket}).rowcount


_DELETE = "DELETE FROM {target} AS target WHERE hall_ticket = %(ticket)s"
_DELETE_WITH_TOMBSTONES = f"""
WITH removed AS ({_DELETE} RETURNING {{key}} AS key)
INSERT INTO ops.tombstones (table_name, key) SELECT {{name}}, key FROM removed
"""
# A quarantined record of one student can contain another's data: a page for the wrong ticket.
_ABOUT_THE_STUDENT = "(hall_ticket = %(ticket)s OR strpos(raw::text, %(ticket)s) > 0)"
_DELETE_QUARANTINE = f"DELETE FROM clean.quarantine WHERE {_ABOUT_THE_STUDENT}"
_DELETE_DECISIONS = f"""
DELETE FROM ops.decisions
 WHERE record IN (SELECT id FROM clean.quarantine WHERE {_ABOUT_THE_STUDENT})
"""
_REMOVE_FROM_TOPPERS = """
UPDATE ops.publication_changes
   SET old_row = jsonb_set(old_row, '{toppers}', (
         SELECT coalesce(jsonb_agg(entry ORDER BY place), '[]')
           FROM jsonb_array_elements(old_row -> 'toppers') WITH ORDINALITY AS toppers (entry, place)
          WHERE entry ->> 'hall_ticket' <> %(ticket)s))
 WHERE old_row -> 'toppers'
       @> jsonb_build_array(jsonb_build_object('hall_ticket', %(ticket)s::text))
"""


def vacuum_deleted_rows(connection: Connection, tables: Iterable[Table]) -> None:
    """Remove deleted and replaced rows from the files of the tables and of their indexes.

    Every table is vacuumed, because a removal that was killed may have deleted rows already.
    """
    connection.execute("SET statement_timeout = 0")
    for name in (*(table.qualified_name for table in tables), *OTHER_TABLES):
        if fetch_value(connection, "SELECT to_regclass(%s)", (name,)):
            # By default, PostgreSQL leaves a few deleted entries in the indexes.
            table = sql.Identifier(*name.split("."))
            connection.execute(sql.SQL("VACUUM (INDEX_CLEANUP ON) {}").format(table))
    connection.execute("RESET statement_timeout")
