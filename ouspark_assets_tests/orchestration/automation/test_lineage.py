"""The automation condition: after which events assets are requested, and that it is in one run."""

from dataclasses import dataclass, field

import dagster as dg
import pytest

from ouspark_assets.orchestration.keys import (
    GENERATION,
    PUBLICATION,
    RELEASE_INDEX_KEY,
    RESULT_PAGES,
    key_of,
)
from ouspark_assets.orchestration.partitions import PARTITION_TAG, register_releases
from ouspark_assets.pipeline.load import LOADED_TABLES
from ouspark_assets.schemas.analytics import STANDINGS, STUDENT_CGPAS
from ouspark_assets_tests.orchestration.automation.evaluation import definitions, submit_run

LOADED = [key_of(table) for table in LOADED_TABLES]


@dataclass
class Lineage:
    """Reports events to an instance and evaluates the automation conditions."""

    instance: dg.DagsterInstance
    cursor: object = field(default=None)

    def evaluate(self) -> set[dg.AssetKey]:
        """Return the assets that this evaluation requests."""
        result = dg.evaluate_automation_conditions(definitions(), self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        return {asset.key for asset in result.results if asset.true_subset.size}

    def report_materialized(self, *keys: dg.AssetKey, release: str | None = None) -> None:
        for key in keys:
            event = dg.AssetMaterialization(key, partition=release)
            self.instance.report_runless_asset_event(event)

    def report_checked(self, *keys: dg.AssetKey, failing: str | None = None) -> None:
        """Report every blocking check of these assets as passed, except one that fails."""
        graph = definitions().resolve_asset_graph()
        for check in graph.asset_check_keys:
            if check.asset_key in keys and graph.get_check_spec(check).blocking:
                evaluation = dg.AssetCheckEvaluation(
                    asset_key=check.asset_key,
                    check_name=check.name,
                    passed=check.name != failing,
                    metadata={},
                )
                self.instance.report_runless_asset_event(evaluation)

    def report_loaded(self, release: str) -> None:
        """Report a release as loaded and its checks as passed."""
        self.report_materialized(*LOADED, release=release)
        self.report_checked(*LOADED)


@pytest.fixture
def lineage(instance: dg.DagsterInstance) -> Lineage:
    """Three registered releases, none of them loaded yet."""
    register_releases(instance, ["a", "b", "c"])
    lineage = Lineage(instance)
    assert lineage.evaluate() == set()
    lineage.report_materialized(RELEASE_INDEX_KEY)
    lineage.report_checked(RELEASE_INDEX_KEY, RESULT_PAGES)
    return lineage


def computed_assets() -> set[dg.AssetKey]:
    graph = definitions().resolve_asset_graph()
    others = {RELEASE_INDEX_KEY, RESULT_PAGES, GENERATION, *LOADED}
    return set(graph.get_all_asset_keys() - others)


def test_one_loaded_release_of_three_requests_all_computed_assets_at_once(
    lineage: Lineage,
) -> None:
    lineage.report_loaded("a")
    assert lineage.evaluate() == computed_assets()
    assert PUBLICATION in computed_assets()
    assert lineage.evaluate() == set()
    lineage.report_loaded("b")
    assert lineage.evaluate() == computed_assets()


def test_the_index_and_the_pages_alone_request_nothing(lineage: Lineage) -> None:
    lineage.report_materialized(RELEASE_INDEX_KEY)
    lineage.report_materialized(RESULT_PAGES, release="a")
    assert lineage.evaluate() == set()


def test_a_load_without_check_results_requests_nothing(lineage: Lineage) -> None:
    lineage.report_materialized(*LOADED, release="a")
    assert lineage.evaluate() == set()


def test_a_failed_check_blocks_everything_until_it_passes(lineage: Lineage) -> None:
    lineage.report_materialized(*LOADED, release="b")
    lineage.report_checked(*LOADED, failing="fits_its_model")
    assert lineage.evaluate() == set()
    lineage.report_checked(*LOADED)
    assert lineage.evaluate() == computed_assets()


def test_a_failed_check_of_a_computed_asset_does_not_block_its_recomputation(
    lineage: Lineage,
) -> None:
    lineage.report_loaded("a")
    for key in lineage.evaluate():
        lineage.report_materialized(key)
    lineage.report_checked(*computed_assets(), failing="fits_its_model")
    lineage.evaluate()
    lineage.report_loaded("b")
    assert lineage.evaluate() == computed_assets()


def test_a_failed_check_of_a_computed_asset_blocks_what_is_downstream_of_it(
    lineage: Lineage,
) -> None:
    lineage.report_loaded("a")
    computed = lineage.evaluate()
    lineage.report_materialized(*computed)
    lineage.report_checked(*computed)
    assert lineage.evaluate() == set()
    standings = key_of(STANDINGS)
    # As if someone had materialized only this asset.
    lineage.report_materialized(standings)
    lineage.report_checked(standings, failing="fits_its_model")
    assert lineage.evaluate() == set()
    lineage.report_checked(standings)
    requested = lineage.evaluate()
    assert {key_of(STUDENT_CGPAS), PUBLICATION} <= requested
    assert standings not in requested


def test_nothing_is_requested_while_a_run_is_still_loading(lineage: Lineage) -> None:
    started = dg.DagsterRunStatus.STARTED
    run = submit_run(lineage.instance, "bring_in_release", {PARTITION_TAG: "a"}, started)
    lineage.report_loaded("a")
    assert lineage.evaluate() == set()
    ended = lineage.instance.get_run_by_id(run.run_id)
    assert ended is not None
    lineage.instance.report_run_failed(ended, "killed after loading")
    assert lineage.evaluate() == computed_assets()


def test_a_queued_load_does_not_delay_the_follow_up(lineage: Lineage) -> None:
    submit_run(lineage.instance, "bring_in_release", {PARTITION_TAG: "b"})
    lineage.report_loaded("a")
    assert lineage.evaluate() == computed_assets()


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTED"])
def test_nothing_is_requested_while_a_follow_up_is_queued_or_running(
    lineage: Lineage, status: str
) -> None:
    lineage.report_loaded("a")
    run = submit_run(lineage.instance, "follow_up", status=dg.DagsterRunStatus[status])
    assert lineage.evaluate() == set()
    lineage.instance.report_run_failed(run, "the database was down")
    assert lineage.evaluate() == computed_assets()
