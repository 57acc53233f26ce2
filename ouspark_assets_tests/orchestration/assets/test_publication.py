"""The assets of the publication and of the cache generation, materialized by Dagster."""

from collections.abc import Iterator

import dagster as dg
import pytest
import redis

from ouspark_assets.orchestration.assets.cache import generation
from ouspark_assets.orchestration.assets.production import publication
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.checks.check_results import blocking_checks
from ouspark_assets.orchestration.checks.models import MODEL_CHECK
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION
from ouspark_assets.orchestration.resources import default_resources
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.warehouse.publication.publications import lift_hold
from ouspark_assets.warehouse.publication.rollback import roll_back
from ouspark_assets_tests.support.stores import StoreAddresses, Stores

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def stores(store_addresses: StoreAddresses) -> Iterator[Stores]:
    """Return connections to stores whose development database is in state 1."""
    with store_addresses.connect() as stores:
        stores.load(1)
        yield stores


def materialize(
    instance: dg.DagsterInstance, **config: bool
) -> tuple[dg.ExecuteInProcessResult, dict[str, dict[str, object]]]:
    result = dg.materialize(
        [publication, generation],
        instance=instance,
        resources=default_resources(),
        run_config={**QUIET, "ops": {PUBLICATION.to_python_identifier(): {"config": config}}},
        raise_on_error=False,
    )
    shown = {
        event.materialization.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.all_events
        if event.is_step_materialization
    }
    return result, shown


def root_error(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message if error else ""


def report_check(instance: dg.DagsterInstance, *, passed: bool, warning: bool = False) -> None:
    """Report a result of the model check of clean.marks to the instance."""
    severity = dg.AssetCheckSeverity.WARN if warning else dg.AssetCheckSeverity.ERROR
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(["clean", "marks"]),
            check_name=MODEL_CHECK,
            passed=passed,
            severity=severity,
            metadata={},
        )
    )


def test_a_run_publishes_and_builds_the_generation(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    result, shown = materialize(instance)
    assert result.success
    assert shown["production/publication"]["publication"] == 1
    assert shown["cache/generation"]["publication"] == 1
    assert stores.is_consistent()


def test_without_changes_there_is_no_new_publication_or_generation(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    materialize(instance)
    before = stores.client.get("ouspark:current")
    result, shown = materialize(instance)
    assert result.success
    assert shown["production/publication"]["rows changed"] == 0
    assert shown["cache/generation"]["keys written"] == 0
    assert stores.client.get("ouspark:current") == before


def test_nothing_is_published_while_the_latest_result_of_an_upstream_check_is_a_failure(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    report_check(instance, passed=True)
    report_check(instance, passed=False)
    result, _ = materialize(instance)
    assert not result.success
    assert "clean/marks: fits_its_model" in root_error(result)
    assert stores.production.execute("SELECT count(*) FROM ops.publications").fetchone() == (0,)
    report_check(instance, passed=True)
    assert materialize(instance)[0].success


@pytest.mark.usefixtures("stores")
def test_a_warning_does_not_prevent_a_publication(instance: dg.DagsterInstance) -> None:
    report_check(instance, passed=False, warning=True)
    result, shown = materialize(instance)
    assert result.success
    assert shown["production/publication"]["publication"] == 1


@pytest.mark.usefixtures("stores")
def test_a_check_whose_run_died_counts_with_its_previous_result(
    instance: dg.DagsterInstance,
) -> None:
    report_check(instance, passed=False)
    dead = dg.materialize([dies_before_its_check, never_reached], instance=instance,
                          run_config=QUIET, raise_on_error=False)  # fmt: skip
    assert not dead.success
    result, _ = materialize(instance)
    assert "clean/marks: fits_its_model" in root_error(result)


@dg.asset(key=["clean", "marks"])
def dies_before_its_check() -> None:
    message = "no rows today"
    raise RuntimeError(message)


@dg.asset_check(asset=dies_before_its_check, name=MODEL_CHECK, blocking=True)
def never_reached() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def test_while_publishing_is_held_the_run_succeeds_and_the_cache_shows_the_rollback(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    materialize(instance)
    stores.load(2)
    materialize(instance)
    roll_back(stores.production, PUBLISHED_TABLES, 1, "cli")
    stores.load(3)
    result, shown = materialize(instance)
    assert result.success
    assert "ouspark publication resume" in str(shown["production/publication"]["held"])
    assert shown["production/publication"]["publication"] == 3
    assert shown["cache/generation"]["publication"] == 3
    assert cached_name(stores.client) == "STATE 1"
    lift_hold(stores.production)
    _, shown = materialize(instance)
    assert shown["production/publication"]["publication"] == 4
    assert cached_name(stores.client) == "STATE 3"


def cached_name(client: redis.Redis) -> str:
    import orjson

    generation = client.get("ouspark:current").decode()
    return str(orjson.loads(client.get(f"ouspark:{generation}:student:160499733001"))["name"])


def test_a_run_can_be_configured_to_publish_in_full_and_to_allow_shrinking(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    materialize(instance)
    stores.production.execute("DELETE FROM clean.marks WHERE subject_code = '101'")
    _, shown = materialize(instance, full=True)
    assert shown["production/publication"]["kind"] == "full"
    assert stores.is_consistent()
    stores.development.execute("DELETE FROM clean.marks")
    result, _ = materialize(instance, full=True)
    assert "--allow-shrink" in root_error(result)
    assert materialize(instance, full=True, allow_shrink=True)[0].success


def test_the_declared_blocking_checks_are_those_upstream_in_the_graph() -> None:
    graph = build_definitions().resolve_asset_graph()
    for asset in (PUBLICATION, GENERATION):
        upstream = graph.get_ancestor_asset_keys(asset)
        assert set(blocking_checks()) == {
            key
            for key in graph.asset_check_keys
            if key.asset_key in upstream and graph.get_check_spec(key).blocking
        }


def test_a_refused_publication_is_recorded_with_the_failed_check(
    stores: Stores, instance: dg.DagsterInstance
) -> None:
    report_check(instance, passed=False)
    assert not materialize(instance)[0].success
    rows = stores.development.execute("SELECT asset, outcome, error FROM ops.stage_runs").fetchall()
    ((asset, outcome, error),) = rows
    assert (asset, outcome) == ("production.publication", "failed")
    assert f"clean/marks: {MODEL_CHECK}" in str(error)
