"""Writing frames into the development database: stage, merge, count; only differences are written.

Every write is one transaction under one lock, with a version of its own taken from a sequence:
versions are handed out in the order of commits, so "newer than version N" is exactly what a
publication after N has to send. Rows that vanish leave a tombstone for it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.connection import Connection
from ouspark_assets.warehouse.frames import copy_in
from ouspark_assets.warehouse.locks import Lock, hold
from ouspark_assets.warehouse.reading import identifier
from ouspark_assets.warehouse.statements import (
    BOOKKEEPING,
    create_staging,
    delete_missing,
    key_as_json,
    merge_differences,
)

Scope = Mapping[str, str]
EVERYTHING: Scope = {}


@dataclass(frozen=True)
class Change:
    """What a merge did to a table."""

    rows: int
    written: int
    removed: int

    @property
    def changed(self) -> int:
        """Rows written or removed."""
        return self.written + self.removed


@dataclass
class Writer:
    """The open write transaction."""

    connection: Connection
    run_id: str
    version: int
    changed_tables: set[str] = field(default_factory=set)

    def merge(
        self, table: Table, frames: Iterable[pl.DataFrame], scope: Scope = EVERYTHING
    ) -> Change:
        """Make the scope of the table equal to the frames; rows no longer there are removed."""
        if _is_empty(self.connection, table, scope):
            rows = self._stage(table, frames, identifier(table))
            change = Change(rows=rows, written=rows, removed=0)
        else:
            change = self._merge_staged(table, frames, scope)
        if change.changed and table.published:
            self.changed_tables.add(table.qualified_name)
        return change

    def _merge_staged(self, table: Table, frames: Iterable[pl.DataFrame], scope: Scope) -> Change:
        staged = sql.Identifier(f"staged_{table.name}")
        self.connection.execute(create_staging(table, staged, table.columns))
        rows = self._stage(table, frames, staged)
        self.connection.execute(sql.SQL("ANALYZE {}").format(staged))
        removed = self.connection.execute(
            _remove_missing(table, staged, scope), (*scope.values(), table.qualified_name)
        ).rowcount
        written = self.connection.execute(
            merge_differences(table, staged, table.content, renewed=BOOKKEEPING)
        ).rowcount
        self.connection.execute(sql.SQL("DROP TABLE {}").format(staged))
        return Change(rows=rows, written=written, removed=removed)

    def _stage(self, table: Table, frames: Iterable[pl.DataFrame], target: sql.Identifier) -> int:
        rows = 0
        for frame in frames:
            rows += frame.height
            if frame.height:
                copy_in(self.connection, target, table.columns, frame)
        return rows


@contextmanager
def writing(connection: Connection, run_id: str) -> Iterator[Writer]:
    """One transaction that writes: alone, with a new version, all of it or nothing."""
    with connection.transaction():
        hold(connection, Lock.WRITE)
        row = connection.execute("SELECT nextval('ops.version_numbers')").fetchone()
        version = int(str(row[0])) if row else 0
        # The bookkeeping columns of every table take their defaults from these two.
        connection.execute(
            "SELECT set_config('ouspark.version', %s, true), set_config('ouspark.run', %s, true)",
            (str(version), run_id),
        )
        writer = Writer(connection, run_id, version)
        yield writer
        if writer.changed_tables:
            connection.execute(
                "INSERT INTO ops.versions (version, run_id, tables) VALUES (%s, %s, %s)",
                (version, run_id, sorted(writer.changed_tables)),
            )


def _is_empty(connection: Connection, table: Table, scope: Scope) -> bool:
    query = sql.SQL("SELECT NOT EXISTS (SELECT FROM {} AS target WHERE {})").format(
        identifier(table), _within(scope)
    )
    row = connection.execute(query, list(scope.values())).fetchone()
    return row is not None and row[0] is True


def _within(scope: Scope) -> sql.Composed:
    conditions = [sql.SQL("{} = %s").format(sql.Identifier("target", name)) for name in scope]
    return sql.SQL(" AND ").join([sql.SQL("true"), *conditions])


def _remove_missing(table: Table, staged: sql.Identifier, scope: Scope) -> sql.Composed:
    return sql.SQL(
        """
        WITH removed AS ({delete} RETURNING {key} AS key)
        INSERT INTO ops.tombstones (table_name, key) SELECT %s, key FROM removed
        """
    ).format(delete=delete_missing(table, staged, _within(scope)), key=key_as_json(table))
