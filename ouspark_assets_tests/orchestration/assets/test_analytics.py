"""The aggregates as assets: a run computes, checks and stores them, and shows no student."""

from collections.abc import Iterator

import dagster as dg
import pytest

from ouspark_assets.orchestration.assets.analytics import PLOTS, TABLES_SHOWN, aggregates
from ouspark_assets.orchestration.checks.analytics import analytics_checks
from ouspark_assets.orchestration.checks.models import create_model_check
from ouspark_assets.orchestration.resources import default_resources
from ouspark_assets.pipeline.aggregates import AGGREGATES
from ouspark_assets.schemas.analytics import AGGREGATE_TABLES, STANDINGS
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets_tests.analytics.universities import load_clean_tables
from ouspark_assets_tests.support.stores import Databases


@pytest.fixture
def university(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """Yield a connection to a database with clean tables, which the settings point to."""
    monkeypatch.setenv("OUSPARK_DEV_DSN", databases.development)
    monkeypatch.setenv("OUSPARK_PROD_DSN", databases.production)
    with connected(databases.development, Side.DEVELOPMENT, "test") as connection:
        load_clean_tables(connection)
        yield connection


def run() -> dg.ExecuteInProcessResult:
    """Compute every aggregate with all its checks in one run."""
    models = [create_model_check(table) for table in AGGREGATE_TABLES]
    return dg.materialize(
        [*aggregates, *models, *analytics_checks()], resources=default_resources()
    )


def events_as_text(result: dg.ExecuteInProcessResult) -> str:
    """Return everything that a run writes to the event log, as text."""
    return "\n".join(map(repr, result.all_events))


def test_a_run_computes_checks_and_stores_every_aggregate(university: Connection) -> None:
    result = run()
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    assert [result.check_name for result in evaluations if not result.passed] == []
    assert {result.asset_key.path[-1] for result in evaluations} == {
        table.name for table in AGGREGATE_TABLES
    }
    for aggregate in AGGREGATES:
        rows = read_table(university, aggregate.table).height
        (made,) = result.asset_materializations_for_node(f"analytics__{aggregate.table.name}")
        assert (
            made.metadata["dagster/row_count"].value == made.metadata["rows written"].value == rows
        )
        assert rows > 0
        assert set(made.metadata["dagster/column_lineage"].value.deps_by_column) == set(
            aggregate.table.columns
        )
        assert ("first rows" in made.metadata) == (aggregate.table in TABLES_SHOWN)
        assert ("plot" in made.metadata) == (aggregate.table in PLOTS)


def test_a_second_run_changes_nothing_and_no_event_contains_a_hall_ticket(
    university: Connection,
) -> None:
    first, again = run(), run()
    changed = {
        event.asset_key.path[-1]: event.materialization.metadata["rows written"].value
        + event.materialization.metadata["rows removed"].value
        for event in again.get_asset_materialization_events()
    }
    assert changed == dict.fromkeys((aggregate.table.name for aggregate in AGGREGATES), 0)
    events = events_as_text(first) + events_as_text(again)
    assert "college_code" in events
    known = read_table(university, STANDINGS, ["hall_ticket"])["hall_ticket"].unique()
    assert len(known) > 100
    assert not [ticket for ticket in known if ticket in events]
