"""Polars frames to and from PostgreSQL over COPY: whole tables, releases, or any query.

The format is CSV, because both sides are fast at it (polars writes 641,000 rows/s) and it needs no
other library.
"""

import io
from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from psycopg import sql

from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection

ROWS_PER_CHUNK = 50_000
Types = Mapping[str, pl.DataType]


def copy_in(
    connection: Connection, target: sql.Composable, columns: Sequence[str], frame: pl.DataFrame
) -> None:
    """COPY columns of a frame into a table, in chunks that bound the memory."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(target, column_list(columns))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for chunk in frame.select(columns).iter_slices(ROWS_PER_CHUNK):
            copy.write(chunk.with_columns(_array_literals(chunk)).write_csv(include_header=False))


def read_query(
    connection: Connection, query: sql.Composable, types: Types, parameters: Sequence[object] = ()
) -> pl.DataFrame:
    """Return the rows of a query as a frame; `types` are its columns in order."""
    selected = sql.SQL("COPY (SELECT {} FROM ({}) AS rows) TO STDOUT (FORMAT csv)").format(
        sql.SQL(", ").join(_as_text(name, dtype) for name, dtype in types.items()), query
    )
    with connection.cursor() as cursor, cursor.copy(selected, parameters) as copy:
        text = io.BytesIO(b"".join(copy))
    if not text.getbuffer().nbytes:
        return pl.DataFrame(schema=dict(types))
    carried = {name: _carried_as(dtype) for name, dtype in types.items()}
    frame = pl.read_csv(text, has_header=False, schema=carried)
    return frame.select(_from_text(name, dtype) for name, dtype in types.items())


def read_table(
    connection: Connection, table: Table, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Return all rows of a table, with all or some of its columns."""
    names = list(columns or table.columns)
    query = sql.SQL("SELECT {} FROM {}").format(column_list(names), identifier(table))
    return read_query(connection, query, {name: table.dtypes[name] for name in names})


def read_releases(connection: Connection, table: Table, releases: Sequence[str]) -> pl.DataFrame:
    """Return the rows of these releases."""
    query = sql.SQL("SELECT {} FROM {} WHERE release = ANY(%s)").format(
        column_list(table.columns), identifier(table)
    )
    return read_query(connection, query, table.dtypes, (list(releases),))


def identifier(table: Table) -> sql.Identifier:
    """Return the table's qualified name as SQL."""
    return sql.Identifier(table.schema, table.name)


def column_list(columns: Iterable[str], alias: str | None = None) -> sql.Composed:
    """Return the names of columns as SQL, separated by commas and qualified by the alias."""
    parts = (sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in columns)
    return sql.SQL(", ").join(parts)


def _array_literals(frame: pl.DataFrame) -> Iterable[pl.Expr]:
    """Yield expressions that write list columns as PostgreSQL array literals, elements quoted."""
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.List):
            element = pl.element().cast(pl.String)
            escaped = element.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
                '"', '\\"', literal=True
            )
            quoted = pl.col(name).list.eval(pl.lit('"') + escaped + pl.lit('"'))
            yield (pl.lit("{") + quoted.list.join(",") + pl.lit("}")).alias(name)


def _as_text(name: str, dtype: pl.DataType) -> sql.Composable:
    column = sql.Identifier(name)
    if isinstance(dtype, pl.Datetime):
        return sql.SQL("(extract(epoch FROM {}) * 1000000)::bigint").format(column)
    if isinstance(dtype, pl.List):
        return sql.SQL("to_json({})::text").format(column)
    if isinstance(dtype, pl.Boolean):
        return sql.SQL("{}::text").format(column)
    return column


def _carried_as(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Datetime):
        return pl.Int64()
    if isinstance(dtype, pl.List | pl.Date):
        return pl.String()
    return dtype


def _from_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return pl.from_epoch(column, time_unit="us").dt.replace_time_zone(dtype.time_zone)
    if isinstance(dtype, pl.List):
        return column.str.json_decode(dtype)
    if isinstance(dtype, pl.Date):
        return column.str.to_date("%Y-%m-%d")
    return column
