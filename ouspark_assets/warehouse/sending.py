"""One table from development to production, inside the transactions that the caller holds.

Rows travel as binary COPY from one connection to the other; nothing is kept in between.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.connection import Connection
from ouspark_assets.warehouse.reading import identifier
from ouspark_assets.warehouse.statements import (
    create_staging,
    delete_missing,
    merge_differences,
    same_key,
)

CHUNK_BYTES = 1 << 18
Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Sent:
    """What sending did to a table of production."""

    rows: int
    written: int
    removed: int

    @property
    def changed(self) -> int:
        """Rows written or removed."""
        return self.written + self.removed


def replace_table(
    development: Connection, production: Connection, table: Table, hidden: Sequence[str]
) -> Sent:
    """Send every row; what differs is written, what is not there any more is removed."""
    rows = sql.SQL("SELECT {} FROM {}").format(_columns(table, hidden), identifier(table))
    if _count(production, table) == 0:
        written = _stream(development, production, rows, identifier(table), table.columns)
        return Sent(rows=written, written=written, removed=0)
    staged = _stage(development, production, rows, table)
    removed = production.execute(delete_missing(table, staged)).rowcount
    return _merged(production, table, staged, removed)


def send_changes(
    development: Connection,
    production: Connection,
    table: Table,
    hidden: Sequence[str],
    since: int,
) -> Sent:
    """Send what changed after this version: removals by tombstone, then changed rows."""
    removed = _remove_by_tombstones(development, production, table, since)
    rows = sql.SQL("SELECT {} FROM {} WHERE version > {}").format(
        _columns(table, hidden), identifier(table), sql.Literal(since)
    )
    return _merged(production, table, _stage(development, production, rows, table), removed)


def _merged(production: Connection, table: Table, staged: sql.Identifier, removed: int) -> Sent:
    written = production.execute(
        merge_differences(table, staged, content=table.columns[len(table.key) :])
    ).rowcount
    production.execute(sql.SQL("DROP TABLE {}").format(staged))
    return Sent(rows=_count(production, table), written=written, removed=removed)


def _stage(
    development: Connection, production: Connection, rows: sql.Composable, table: Table
) -> sql.Identifier:
    staged = sql.Identifier(f"staged_{table.name}")
    production.execute(create_staging(table, staged, table.columns))
    if _stream(development, production, rows, staged, table.columns):
        production.execute(sql.SQL("ANALYZE {}").format(staged))
    return staged


def _remove_by_tombstones(
    development: Connection, production: Connection, table: Table, since: int
) -> int:
    key = sql.SQL(", ").join(
        sql.SQL("(jsonb_populate_record(NULL::{}, key)).{}").format(
            identifier(table), sql.Identifier(name)
        )
        for name in table.key
    )
    rows = sql.SQL("SELECT {} FROM ops.tombstones WHERE table_name = {} AND version > {}").format(
        key, sql.Literal(table.qualified_name), sql.Literal(since)
    )
    removed = sql.Identifier(f"removed_{table.name}")
    production.execute(create_staging(table, removed, table.key))
    gone = 0
    if _stream(development, production, rows, removed, table.key):
        gone = production.execute(
            sql.SQL("DELETE FROM {} AS target USING {} AS staged WHERE {}").format(
                identifier(table), removed, same_key(table)
            )
        ).rowcount
    production.execute(sql.SQL("DROP TABLE {}").format(removed))
    return gone


def _stream(
    development: Connection,
    production: Connection,
    rows: sql.Composable,
    target: sql.Identifier,
    columns: Sequence[str],
) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    source = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(rows)
    sink = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(target, names)
    with development.cursor() as reader, production.cursor() as writer:
        with reader.copy(source) as outgoing, writer.copy(sink) as incoming:
            for chunk in _chunks(outgoing):
                incoming.write(chunk)
        return writer.rowcount


def _chunks(pieces: Iterable[Buffer]) -> Iterator[bytes]:
    """Single rows joined to chunks: a write per row costs more than the row."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


def _columns(table: Table, hidden: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("NULL::text AS {}").format(sql.Identifier(name))
        if name in hidden
        else sql.Identifier(name)
        for name in table.columns
    )


def _count(connection: Connection, table: Table) -> int:
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM {}").format(identifier(table))
    ).fetchone()
    return int(str(row[0])) if row else 0
