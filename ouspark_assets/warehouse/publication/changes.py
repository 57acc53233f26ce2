"""Applying staged rows to a production table: only the rows that differ are written.

The rows that a change replaces are kept in `ops.publication_changes`, in the same transaction, and
the checksum of the table is updated with the hashes of old and new rows. How rows are staged does
not belong here.
"""

from dataclasses import dataclass

from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, fetch_objects
from ouspark_assets.warehouse.core.frames import column_list, identifier
from ouspark_assets.warehouse.core.statements import (
    create_staging,
    key_as_json,
    row_hash,
    same_key,
)


@dataclass(frozen=True)
class TableChange:
    """The changes of one table; `checksum` combines the hashes of all old and new rows."""

    inserted: int = 0
    updated: int = 0
    removed: int = 0
    checksum: int = 0

    @property
    def rows(self) -> int:
        """Rows written or removed."""
        return self.inserted + self.updated + self.removed

    def __add__(self, other: "TableChange") -> "TableChange":
        """Return two successive changes as one."""
        return TableChange(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.removed + other.removed,
            self.checksum ^ other.checksum,
        )


@dataclass(frozen=True)
class ChangeLog:
    """The publication to which changes belong, and whether they are kept for a rollback."""

    number: int
    is_kept: bool


def create_stage(
    production: Connection, table: Table, *, only_keys: bool = False
) -> sql.Identifier:
    """Create an empty temporary table with the columns, or only the key, of the table."""
    staged = sql.Identifier(f"{'removed' if only_keys else 'staged'}_{table.name}")
    columns = table.key if only_keys else table.columns
    production.execute(create_staging(table, staged, columns))
    return staged


def drop_tables(production: Connection, *names: sql.Identifier) -> None:
    """Drop temporary tables early, because a publication stages many tables in one transaction."""
    production.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(", ").join(names)))


def apply_staged(
    production: Connection, table: Table, staged: sql.Identifier, log: ChangeLog
) -> TableChange:
    """Insert staged rows that are new, and update rows whose content differs."""
    changed = sql.Identifier(f"changed_{table.name}")
    production.execute(_find_changed(table, staged, changed, log))
    change = _read_change(production, sql.SQL(_COUNT_CHANGED).format(changed))
    if change.rows:
        # Only the keys are joined on, and the old rows are wide.
        production.execute(sql.SQL("ANALYZE {} ({})").format(changed, column_list(table.key)))
        if log.is_kept:
            production.execute(
                sql.SQL(_LOG_CHANGED).format(key_as_json(table), changed),
                (log.number, table.qualified_name),
            )
        production.execute(_write_changed(table, changed))
    drop_tables(production, changed)
    return change


def remove_rows(
    production: Connection, table: Table, staged: sql.Identifier, log: ChangeLog, *, listed: bool
) -> TableChange:
    """Remove the rows whose keys are in `staged`, or with `listed=False` those that are not."""
    query = sql.SQL(_REMOVE).format(
        target=identifier(table),
        negation=sql.SQL("" if listed else "NOT"),
        staged=staged,
        same_key=same_key(table),
        key=key_as_json(table),
        hash=row_hash(table, "target"),
        kept=sql.SQL(_LOG_REMOVED if log.is_kept else "").format(
            number=sql.Literal(log.number), name=sql.Literal(table.qualified_name)
        ),
    )
    return _read_change(production, query)


def log_filled(production: Connection, table: Table, log: ChangeLog) -> None:
    """Log that the table was empty before, with one entry instead of one per row."""
    if log.is_kept:
        production.execute(
            "INSERT INTO ops.publication_changes (number, table_name) VALUES (%s, %s)",
            (log.number, table.qualified_name),
        )


def count_and_checksum(production: Connection, table: Table) -> tuple[int, int]:
    """Return the number of rows and the checksum of a whole table, reading every row."""
    query = sql.SQL(
        "SELECT count(*) AS inserted, coalesce(bit_xor({}), 0) AS checksum FROM {} AS target"
    ).format(row_hash(table, "target"), identifier(table))
    rows = _read_change(production, query)
    return rows.inserted, rows.checksum


def _find_changed(
    table: Table, staged: sql.Identifier, changed: sql.Identifier, log: ChangeLog
) -> sql.Composed:
    # A row was found if a key column that is never null is not null.
    column = next(name for name in table.key if name not in table.nullable_key)
    content = [name for name in table.columns if name not in table.key]
    return sql.SQL(
        """
        CREATE TEMPORARY TABLE {changed} ON COMMIT DROP AS
        SELECT staged.*, {old_row} AS old_row, {new_hash} AS new_hash,
               CASE WHEN {found} THEN {old_hash} END AS old_hash
          FROM {staged} AS staged LEFT JOIN {target} AS target ON {same_key}
         WHERE NOT {found} OR ROW({old}) IS DISTINCT FROM ROW({new})
        """
    ).format(
        changed=changed,
        old_row=sql.SQL("to_jsonb(target)" if log.is_kept else "NULL::jsonb"),
        new_hash=row_hash(table, "staged"),
        old_hash=row_hash(table, "target"),
        found=sql.SQL("({} IS NOT NULL)").format(sql.Identifier("target", column)),
        staged=staged,
        target=identifier(table),
        same_key=same_key(table),
        old=column_list(content, "target"),
        new=column_list(content, "staged"),
    )


_COUNT_CHANGED = """
SELECT count(*) FILTER (WHERE old_hash IS NULL) AS inserted, count(old_hash) AS updated,
       coalesce(bit_xor(new_hash # coalesce(old_hash, 0)), 0) AS checksum
  FROM {}
"""
_LOG_CHANGED = """
INSERT INTO ops.publication_changes (number, table_name, key, old_row)
SELECT %s, %s, {}, old_row FROM {} AS target
"""
_REMOVE = """
WITH removed AS (
  DELETE FROM {target} AS target
   WHERE {negation} EXISTS (SELECT FROM {staged} AS staged WHERE {same_key})
  RETURNING {key} AS key, to_jsonb(target) AS old_row, {hash} AS old_hash
){kept}
SELECT count(*) AS removed, coalesce(bit_xor(old_hash), 0) AS checksum FROM removed
"""
_LOG_REMOVED = """, kept AS (
  INSERT INTO ops.publication_changes (number, table_name, key, old_row)
  SELECT {number}, {name}, key, old_row FROM removed)
"""


def _read_change(production: Connection, query: sql.Composed) -> TableChange:
    """Run a query whose columns are fields of a TableChange."""
    return fetch_objects(production, TableChange, query)[0]


def _write_changed(table: Table, changed: sql.Identifier) -> sql.Composed:
    content = [name for name in table.columns if name not in table.key]
    assignments = (
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier("staged", name))
        for name in content
    )
    return sql.SQL(
        """
        MERGE INTO {target} AS target USING {changed} AS staged ON {same_key}
        WHEN MATCHED THEN UPDATE SET {assignments}
        WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})
        """
    ).format(
        target=identifier(table),
        changed=changed,
        same_key=same_key(table),
        assignments=sql.SQL(", ").join(assignments),
        columns=column_list(table.columns),
        values=column_list(table.columns, "staged"),
    )
