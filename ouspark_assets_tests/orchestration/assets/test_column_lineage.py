"""Column lineage compared with the models: every column is declared, and every source exists."""

import pytest

from ouspark_assets.orchestration.assets.column_lineage import COLUMN_SOURCES, build_column_lineage
from ouspark_assets.pipeline.aggregates import AGGREGATES, Aggregate
from ouspark_assets.schemas.analytics import AGGREGATE_TABLES

EACH = pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda aggregate: aggregate.table.name)


@EACH
def test_every_column_declares_its_sources(aggregate: Aggregate) -> None:
    assert set(COLUMN_SOURCES[aggregate.table.name]) == set(aggregate.table.columns)
    assert all(build_column_lineage(aggregate).deps_by_column.values())


@EACH
def test_the_sources_are_columns_of_tables_that_the_aggregate_reads(aggregate: Aggregate) -> None:
    columns = {f"{table.name}.{name}" for table in aggregate.reads for name in table.columns}
    for sources in COLUMN_SOURCES[aggregate.table.name].values():
        assert set(sources.split()) <= columns


@EACH
def test_every_table_that_is_read_is_a_source(aggregate: Aggregate) -> None:
    sources = " ".join(COLUMN_SOURCES[aggregate.table.name].values()).split()
    assert {source.split(".")[0] for source in sources} == {table.name for table in aggregate.reads}


def test_every_table_of_the_schema_is_computed_once() -> None:
    assert sorted(aggregate.table.name for aggregate in AGGREGATES) == sorted(
        table.name for table in AGGREGATE_TABLES
    )
