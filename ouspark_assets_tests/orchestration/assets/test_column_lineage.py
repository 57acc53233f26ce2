"""Column lineage against the models: complete, and of columns that exist."""

import pytest

from ouspark_assets.orchestration.assets.column_lineage import LINEAGE, column_lineage
from ouspark_assets.pipeline.aggregates import AGGREGATES, Aggregate
from ouspark_assets.schemas.analytics import AGGREGATE_TABLES

EACH = pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda each: each.table.name)


@EACH
def test_every_column_says_where_it_comes_from(aggregate: Aggregate) -> None:
    assert set(LINEAGE[aggregate.table.name]) == set(aggregate.table.columns)
    assert all(column_lineage(aggregate).deps_by_column.values())


@EACH
def test_columns_come_from_columns_of_tables_that_are_read(aggregate: Aggregate) -> None:
    columns = {f"{table.name}.{name}" for table in aggregate.reads for name in table.columns}
    for sources in LINEAGE[aggregate.table.name].values():
        assert set(sources.split()) <= columns


@EACH
def test_every_table_that_is_read_is_used(aggregate: Aggregate) -> None:
    sources = " ".join(LINEAGE[aggregate.table.name].values()).split()
    assert {source.split(".")[0] for source in sources} == {it.name for it in aggregate.reads}


def test_every_aggregate_is_computed() -> None:
    assert [aggregate.table for aggregate in AGGREGATES] == sorted(
        AGGREGATE_TABLES, key=[aggregate.table for aggregate in AGGREGATES].index
    )
