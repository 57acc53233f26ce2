"""Every load is recorded in `ops.stage_runs`, including loads that fail before they start."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.orchestration.assets.clean import parsed_pages
from ouspark_assets.orchestration.keys import key_of
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.orchestration.resources import default_resources
from ouspark_assets.pipeline.load import LOADED_TABLES
from ouspark_assets.schemas.clean import QUARANTINE
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets_tests.pages.page_builder import TICKET, ResultPage

RELEASES = ["20250402", "20250403", "20250404"]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        register_releases(instance, RELEASES)
        yield instance


@pytest.fixture(autouse=True)
def lake(only_development: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archive one page of each release."""
    monkeypatch.setenv("OUSPARK_LAKE", str(tmp_path / "lake"))
    answer = ArchivedAnswer(
        TICKET, Outcome.FOUND, 200, datetime.now(UTC), 1, 1, ResultPage().body()
    )
    for release in RELEASES:
        PageArchive(str(tmp_path / "lake")).write(release, [answer])


def load(
    instance: dg.DagsterInstance, first: str, last: str, **config: object
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [parsed_pages],
        instance=instance,
        resources=default_resources(),
        tags={
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        },
        run_config={**QUIET, "ops": {"parsed_pages": {"config": config}}},
        raise_on_error=False,
    )


def history(development: Connection) -> list[tuple[object, ...]]:
    return development.execute(
        "SELECT release, outcome, rows_in, error FROM ops.stage_runs ORDER BY id"
    ).fetchall()


def test_a_backfill_of_several_releases_in_one_run_records_each_release(
    instance: dg.DagsterInstance, development: Connection
) -> None:
    run = load(instance, RELEASES[0], RELEASES[1])
    assert run.success
    assert history(development) == [(release, "succeeded", 1, None) for release in RELEASES[:2]]
    runs = development.execute("SELECT DISTINCT run_id FROM ops.stage_runs").fetchall()
    assert runs == [(run.run_id,)]


def test_an_invalid_decision_is_recorded_as_failed_and_the_next_load_as_succeeded(
    instance: dg.DagsterInstance, development: Connection
) -> None:
    assert not load(instance, RELEASES[0], RELEASES[2], discard={"99": "why"}).success
    ((release, outcome, _, error),) = history(development)
    assert (release, outcome) == (RELEASES[0], "failed")
    assert "no quarantined record 99" in str(error)
    load(instance, RELEASES[0], RELEASES[0])
    latest = development.execute("SELECT outcome FROM ops.latest_stages").fetchall()
    assert latest == [("succeeded",)]


def test_a_load_that_changes_nothing_keeps_the_data_versions_of_its_release(
    instance: dg.DagsterInstance, development: Connection
) -> None:
    def versions(release: str) -> dict[str, str]:
        done = load(instance, release, release)
        return {
            event.asset_key.to_user_string(): (event.materialization.tags or {})[
                "dagster/data_version"
            ]
            for event in done.get_asset_materialization_events()
            if event.asset_key != key_of(QUARANTINE)
        }

    first = versions(RELEASES[0])
    assert set(first) == {
        key_of(table).to_user_string() for table in LOADED_TABLES if table is not QUARANTINE
    }
    assert versions(RELEASES[1])["clean/marks"] != first["clean/marks"]
    assert versions(RELEASES[0]) == first
    development.execute(
        "UPDATE clean.marks SET grade = 'X', points = NULL WHERE release = %s", (RELEASES[0],)
    )
    changed = versions(RELEASES[0])
    assert {table for table in first if changed[table] != first[table]} == {"clean/marks"}
