"""Rows that were staged beside a production table, applied to it: what differs, and nothing else.

What every change replaced is written to `ops.publication_changes` in the same transaction, and
the table's checksum moves on by the hashes of the rows that went and came. Where rows come from
is not known here.
"""

from dataclasses import dataclass

from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import identifier
from ouspark_assets.warehouse.core.statements import (
    create_staging,
    key_as_json,
    row_hash,
    same_key,
)


@dataclass(frozen=True)
class Change:
    """What happened to a table; the checksum is that of the rows that went and came."""

    inserted: int = 0
    updated: int = 0
    removed: int = 0
    checksum: int = 0

    @property
    def rows(self) -> int:
        """Rows written or removed."""
        return self.inserted + self.updated + self.removed

    def __add__(self, other: "Change") -> "Change":
        """One after the other."""
        return Change(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.removed + other.removed,
            self.checksum ^ other.checksum,
        )


@dataclass(frozen=True)
class History:
    """The publication at work, and whether it is to be reversible."""

    number: int
    kept: bool


def stage(production: Connection, table: Table, what: str = "staged") -> sql.Identifier:
    """An empty temporary table of the table's columns."""
    staged = sql.Identifier(f"{what}_{table.name}")
    production.execute(create_staging(table, staged, table.columns))
    return staged


def drop(production: Connection, *names: sql.Identifier) -> None:
    """Drop temporary tables before the transaction ends: the next table takes its turn."""
    production.execute(sql.SQL("DROP TABLE {}").format(sql.SQL(", ").join(names)))


def apply_staged(
    production: Connection, table: Table, staged: sql.Identifier, history: History
) -> Change:
    """Insert staged rows that are new, update those whose content differs."""
    changed = sql.Identifier(f"changed_{table.name}")
    production.execute(_find_changed(table, staged, changed, history))
    change = _counted(production, changed)
    if change.rows:
        # The keys alone: they are what is joined by, and old rows are wide.
        keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
        production.execute(sql.SQL("ANALYZE {} ({})").format(changed, keys))
        _remember(production, table, changed, history)
        production.execute(_write_changed(table, changed))
    drop(production, changed)
    return change


def remove_listed(
    production: Connection, table: Table, listed: sql.Identifier, history: History
) -> Change:
    """Remove the rows whose keys are listed."""
    exists = sql.SQL("EXISTS (SELECT FROM {} AS staged WHERE {})")
    return _removed(production, table, exists.format(listed, same_key(table)), history)


def remove_unlisted(
    production: Connection, table: Table, staged: sql.Identifier, history: History
) -> Change:
    """Remove the rows whose keys were not staged."""
    missing = sql.SQL("NOT EXISTS (SELECT FROM {} AS staged WHERE {})")
    return _removed(production, table, missing.format(staged, same_key(table)), history)


def mark_filled(production: Connection, table: Table, history: History) -> None:
    """Remember that the table was empty before; cheaper than a line for every row of it."""
    if history.kept:
        production.execute(
            "INSERT INTO ops.publication_changes (number, table_name) VALUES (%s, %s)",
            (history.number, table.qualified_name),
        )


def count_and_checksum(production: Connection, table: Table) -> tuple[int, int]:
    """Rows and checksum of a whole table, by looking at every row."""
    query = sql.SQL("SELECT count(*), coalesce(bit_xor({}), 0) FROM {} AS target").format(
        row_hash(table, "target"), identifier(table)
    )
    row = production.execute(query).fetchone()
    return (int(str(row[0])), int(str(row[1]))) if row else (0, 0)


def _find_changed(
    table: Table, staged: sql.Identifier, changed: sql.Identifier, history: History
) -> sql.Composed:
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
        old_row=sql.SQL("to_jsonb(target)" if history.kept else "NULL::jsonb"),
        new_hash=row_hash(table, "staged"),
        old_hash=row_hash(table, "target"),
        found=_found(table),
        staged=staged,
        target=identifier(table),
        same_key=same_key(table),
        old=_columns("target", content),
        new=_columns("staged", content),
    )


def _counted(production: Connection, changed: sql.Identifier) -> Change:
    row = production.execute(
        sql.SQL(
            """
            SELECT count(*) FILTER (WHERE old_hash IS NULL), count(old_hash),
                   coalesce(bit_xor(new_hash # coalesce(old_hash, 0)), 0)
              FROM {}
            """
        ).format(changed)
    ).fetchone()
    inserted, updated, checksum = (int(str(value)) for value in row or (0, 0, 0))
    return Change(inserted=inserted, updated=updated, checksum=checksum)


def _remember(
    production: Connection, table: Table, changed: sql.Identifier, history: History
) -> None:
    if history.kept:
        production.execute(
            sql.SQL(
                """
                INSERT INTO ops.publication_changes (number, table_name, key, old_row)
                SELECT %s, %s, {}, old_row FROM {} AS target
                """
            ).format(key_as_json(table), changed),
            (history.number, table.qualified_name),
        )


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
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        values=_columns("staged", table.columns),
    )


def _removed(production: Connection, table: Table, which: sql.Composed, history: History) -> Change:
    remembered = sql.SQL(
        """, remembered AS (
            INSERT INTO ops.publication_changes (number, table_name, key, old_row)
            SELECT {number}, {name}, key, old_row FROM removed)
        """
    ).format(number=sql.Literal(history.number), name=sql.Literal(table.qualified_name))
    row = production.execute(
        sql.SQL(
            """
            WITH removed AS (
              DELETE FROM {target} AS target WHERE {which}
              RETURNING {key} AS key, to_jsonb(target) AS old_row, {hash} AS old_hash
            ){remembered}
            SELECT count(*), coalesce(bit_xor(old_hash), 0) FROM removed
            """
        ).format(
            target=identifier(table),
            which=which,
            key=key_as_json(table),
            hash=row_hash(table, "target"),
            remembered=remembered if history.kept else sql.SQL(""),
        )
    ).fetchone()
    removed, checksum = (int(str(value)) for value in row or (0, 0))
    return Change(removed=removed, checksum=checksum)


def _found(table: Table) -> sql.Composed:
    """Whether the join found a row: a key column that is never null tells."""
    certain = next(name for name in table.key if name not in table.nullable_key)
    return sql.SQL("({} IS NOT NULL)").format(sql.Identifier("target", certain))


def _columns(alias: str, names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)
