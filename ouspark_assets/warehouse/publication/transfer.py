"""One table from development to production, inside the transactions that the caller holds.

Rows travel as binary COPY from one connection to the other; nothing is kept in between. What
they do to the table is `applying.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import identifier
from ouspark_assets.warehouse.core.statements import create_staging, same_key
from ouspark_assets.warehouse.publication.changes import (
    Change,
    History,
    apply_staged,
    drop,
    mark_filled,
    remove_listed,
    remove_unlisted,
    stage,
)

CHUNK_BYTES = 1 << 18
Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Passage:
    """From where to where, and the publication that it is for."""

    development: Connection
    production: Connection
    history: History


def replace_table(passage: Passage, table: Table, hidden: Sequence[str]) -> Change:
    """Send every row; what differs is written, what is not there any more is removed."""
    production, history = passage.production, passage.history
    rows = sql.SQL("SELECT {} FROM {}").format(_columns(table, hidden), identifier(table))
    if _is_empty(production, table):
        inserted = _stream(passage, rows, identifier(table), table.columns)
        if inserted:
            mark_filled(production, table, history)
            production.execute(sql.SQL("ANALYZE {}").format(identifier(table)))
        return Change(inserted=inserted)
    staged = stage(production, table)
    if _stream(passage, rows, staged, table.columns):
        production.execute(sql.SQL("ANALYZE {}").format(staged))
    removed = remove_unlisted(production, table, staged, history)
    change = removed + apply_staged(production, table, staged, history)
    drop(production, staged)
    return change


def send_changes(passage: Passage, table: Table, hidden: Sequence[str], since: int) -> Change:
    """Send what changed after this version: removals by tombstone, then changed rows."""
    production, history = passage.production, passage.history
    rows = sql.SQL("SELECT {} FROM {} WHERE version > {}").format(
        _columns(table, hidden), identifier(table), sql.Literal(since)
    )
    removed = _remove_by_tombstones(passage, table, since)
    staged = stage(production, table)
    change = Change()
    if _stream(passage, rows, staged, table.columns):
        production.execute(sql.SQL("ANALYZE {}").format(staged))
        change = apply_staged(production, table, staged, history)
    drop(production, staged)
    return removed + change


def _remove_by_tombstones(passage: Passage, table: Table, since: int) -> Change:
    """Remove what development removed for good: a row that came back is a changed one."""
    rows = sql.SQL(
        """
        SELECT DISTINCT staged.* FROM (
          SELECT {key} FROM ops.tombstones WHERE table_name = {name} AND version > {since}
        ) AS staged WHERE NOT EXISTS (SELECT FROM {table} AS target WHERE {same_key})
        """
    ).format(
        key=_key_of_tombstones(table),
        name=sql.Literal(table.qualified_name),
        since=sql.Literal(since),
        table=identifier(table),
        same_key=same_key(table),
    )
    production, listed = passage.production, sql.Identifier(f"removed_{table.name}")
    production.execute(create_staging(table, listed, table.key))
    change = Change()
    if _stream(passage, rows, listed, table.key):
        production.execute(sql.SQL("ANALYZE {}").format(listed))
        change = remove_listed(production, table, listed, passage.history)
    drop(production, listed)
    return change


def _key_of_tombstones(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("(jsonb_populate_record(NULL::{}, key)).{} AS {}").format(
            identifier(table), sql.Identifier(name), sql.Identifier(name)
        )
        for name in table.key
    )


def _stream(
    passage: Passage,
    rows: sql.Composable,
    target: sql.Identifier,
    columns: Sequence[str],
) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    source = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(rows)
    sink = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(target, names)
    with passage.development.cursor() as reader, passage.production.cursor() as writer:
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


def _is_empty(production: Connection, table: Table) -> bool:
    row = production.execute(
        sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(identifier(table))
    ).fetchone()
    return row is not None and row[0] is True
