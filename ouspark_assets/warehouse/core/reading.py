"""Whole tables, or a release's part of one, as frames with the types of their model."""

from collections.abc import Sequence

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_query


def read_table(
    connection: Connection, table: Table, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Every row of a table (or some of its columns)."""
    names = list(columns or table.columns)
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), identifier(table)
    )
    return read_query(connection, query, {name: table.dtypes[name] for name in names})


def read_releases(connection: Connection, table: Table, releases: Sequence[str]) -> pl.DataFrame:
    """The rows of a table that belong to these releases."""
    query = sql.SQL("SELECT {} FROM {} WHERE release = ANY(%s)").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), identifier(table)
    )
    return read_query(connection, query, table.dtypes, (list(releases),))


def identifier(table: Table) -> sql.Identifier:
    """The table's name as SQL."""
    return sql.Identifier(table.schema, table.name)
