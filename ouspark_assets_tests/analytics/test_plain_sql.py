"""Every aggregate, as computed and as stored, equals the result of a plain SQL query."""

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
from ouspark_assets_tests.analytics.plain_sql import QUERIES, SETUP
from ouspark_assets_tests.analytics.universities import LazyAggregates, load_clean_tables

OPTIONS = Options(
    min_ranked=5,
    section_size=10,
    awards=(Award("Second", 5), Award("First", 7.5)),
    percentage_factor=9.5,
    percentage_offset=0.5,
)
JSON_COLUMNS = ("toppers", "statuses", "histogram", "grades")


def test_every_aggregate_equals_plain_sql_and_is_not_written_twice(development: Connection) -> None:
    computed = LazyAggregates(load_clean_tables(development), OPTIONS)
    write_aggregates(development, computed)
    development.execute(SETUP)
    for table in AGGREGATE_TABLES:
        expected = compute_in_sql(development, table)
        assert expected.height > 0, table.name
        for found in (computed[table.name], read_table(development, table)):
            assert_frame_equal(comparable(found, table), expected, check_exact=True)
    assert write_aggregates(development, computed) == 0


def write_aggregates(connection: Connection, computed: dict[str, pl.DataFrame]) -> int:
    """Store every aggregate and return the number of changed rows."""
    with write_transaction(connection, "test") as writer:
        changes = [
            writer.merge(aggregate.table, [computed[aggregate.table.name]])
            for aggregate in AGGREGATES
        ]
    return sum(change.changed for change in changes)


def compute_in_sql(connection: Connection, table: Table) -> pl.DataFrame:
    """Return the table as computed by plain SQL."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("SELECT {} FROM ({}) AS rows").format(columns, sql.SQL(QUERIES[table.name]))
    return comparable(read_query(connection, query, table.dtypes), table)


def comparable(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Sort by the key and normalize JSON columns."""
    spelled = [
        pl.Series(name, [json.dumps(json.loads(text), sort_keys=True) for text in frame[name]])
        for name in JSON_COLUMNS
        if name in frame.columns
    ]
    return frame.with_columns(spelled).sort(table.key)
