"""Every aggregate, as stored and read back, against the same numbers in plain SQL."""

import json

import polars as pl
from polars.testing import assert_frame_equal
from psycopg import sql

from ouspark_assets.analytics.options import Award, Options
from ouspark_assets.pipeline.aggregates import AGGREGATES
from ouspark_assets.schemas.analytics import AGGREGATE_TABLES
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_query, read_table
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets_tests.analytics.aggregating import aggregated
from ouspark_assets_tests.analytics.plain_sql import QUERIES, SETUP
from ouspark_assets_tests.analytics.universities import load_clean_tables

OPTIONS = Options(
    min_ranked=5,
    section_size=10,
    awards=(Award("Second", 5), Award("First", 7.5)),
    percentage_factor=9.5,
    percentage_offset=0.5,
)
JSON_COLUMNS = ("toppers", "statuses", "histogram", "grades")


def test_every_aggregate_equals_plain_sql_and_is_written_once(development: Connection) -> None:
    computed = aggregated(load_clean_tables(development), OPTIONS)
    write(development, computed)
    development.execute(SETUP)
    for table in AGGREGATE_TABLES:
        expected = in_plain_sql(development, table)
        assert expected.height > 0, table.name
        for found in (computed[table.name], read_table(development, table)):
            assert_frame_equal(comparable(found, table), expected, check_exact=True)
    assert write(development, computed) == 0


def write(connection: Connection, computed: dict[str, pl.DataFrame]) -> int:
    """Store every aggregate; how many rows that changed."""
    with write_transaction(connection, "test") as writer:
        changes = [writer.merge(it.table, [computed[it.table.name]]) for it in AGGREGATES]
    return sum(change.changed for change in changes)


def in_plain_sql(connection: Connection, table: Table) -> pl.DataFrame:
    """What plain SQL says the table is."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("SELECT {} FROM ({}) AS rows").format(columns, sql.SQL(QUERIES[table.name]))
    return comparable(read_query(connection, query, table.dtypes), table)


def comparable(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """In the order of the key, JSON in one spelling."""
    spelled = [
        pl.Series(name, [json.dumps(json.loads(text), sort_keys=True) for text in frame[name]])
        for name in JSON_COLUMNS
        if name in frame.columns
    ]
    return frame.with_columns(spelled).sort(table.key)
