"""Sending one table from development to production, inside the transactions of the caller.

Rows are streamed as binary COPY from one connection to the other and never stored in between. How
staged rows change the table is `changes.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, fetch_value
from ouspark_assets.warehouse.core.frames import column_list, identifier
from ouspark_assets.warehouse.core.statements import same_key
from ouspark_assets.warehouse.publication.changes import (
    ChangeLog,
    TableChange,
    apply_staged,
    create_stage,
    drop_tables,
    log_filled,
    remove_rows,
)

CHUNK_BYTES = 1 << 18
Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Transfer:
    """The two connections, and the log of the publication."""

    development: Connection
    production: Connection
    log: ChangeLog


def replace_table(transfer: Transfer, table: Table, hidden: Sequence[str]) -> TableChange:
    """Send every row: write rows that differ, and remove rows that no longer exist."""
    production, log = transfer.production, transfer.log
    rows = sql.SQL("SELECT {} FROM {}").format(_columns(table, hidden), identifier(table))
    if fetch_value(
        production, sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(identifier(table))
    ):
        inserted = _stream(transfer, rows, identifier(table), table.columns)
        if inserted:
            log_filled(production, table, log)
            production.execute(sql.SQL("ANALYZE {}").format(identifier(table)))
        return TableChange(inserted=inserted)
    staged = create_stage(production, table)
    if _stream(transfer, rows, staged, table.columns):
        production.execute(sql.SQL("ANALYZE {}").format(staged))
    removed = remove_rows(production, table, staged, log, listed=False)
    change = removed + apply_staged(production, table, staged, log)
    drop_tables(production, staged)
    return change


def send_changes(
    transfer: Transfer, table: Table, hidden: Sequence[str], since: int
) -> TableChange:
    """Send what changed after version `since`: removals by tombstone, then changed rows."""
    production, log = transfer.production, transfer.log
    rows = sql.SQL("SELECT {} FROM {} WHERE version > {}").format(
        _columns(table, hidden), identifier(table), sql.Literal(since)
    )
    removed = _remove_by_tombstones(transfer, table, since)
    staged = create_stage(production, table)
    change = TableChange()
    if _stream(transfer, rows, staged, table.columns):
        production.execute(sql.SQL("ANALYZE {}").format(staged))
        change = apply_staged(production, table, staged, log)
    drop_tables(production, staged)
    return removed + change


def _remove_by_tombstones(transfer: Transfer, table: Table, since: int) -> TableChange:
    """Remove rows that development removed, except rows that were added again since."""
    rows = sql.SQL(
        """
        SELECT DISTINCT staged.* FROM (
          SELECT {key} FROM ops.tombstones WHERE table_name = {name} AND version > {since}
        ) AS staged WHERE NOT EXISTS (SELECT FROM {table} AS target WHERE {same_key})
        """
    ).format(
        key=sql.SQL(", ").join(
            sql.SQL("(jsonb_populate_record(NULL::{}, key)).{name} AS {name}").format(
                identifier(table), name=sql.Identifier(name)
            )
            for name in table.key
        ),
        name=sql.Literal(table.qualified_name),
        since=sql.Literal(since),
        table=identifier(table),
        same_key=same_key(table),
    )
    production = transfer.production
    listed = create_stage(production, table, only_keys=True)
    change = TableChange()
    if _stream(transfer, rows, listed, table.key):
        production.execute(sql.SQL("ANALYZE {}").format(listed))
        change = remove_rows(production, table, listed, transfer.log, listed=True)
    drop_tables(production, listed)
    return change


def _stream(
    transfer: Transfer, rows: sql.Composable, target: sql.Identifier, columns: Sequence[str]
) -> int:
    """Copy rows into a table of production; return their number."""
    source = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(rows)
    sink = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(target, column_list(columns))
    with transfer.development.cursor() as reader, transfer.production.cursor() as writer:
        with reader.copy(source) as outgoing, writer.copy(sink) as incoming:
            for chunk in _chunks(outgoing):
                incoming.write(chunk)
        return writer.rowcount


def _chunks(pieces: Iterable[Buffer]) -> Iterator[bytes]:
    """Join rows to chunks: one write per row would cost more than the row."""
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
