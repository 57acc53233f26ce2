"""What follows by lineage: after which events, and that it comes back as one run."""

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
from ouspark_assets_tests.orchestration.automation.evaluation import definitions, submit_run

LOADED = [key_of(table) for table in LOADED_TABLES]


@dataclass
class Watched:
    """An instance on which things happen, and conditions that are evaluated from time to time."""

    instance: dg.DagsterInstance
    cursor: object = field(default=None)

    def requested(self) -> set[dg.AssetKey]:
        """What is asked for at this evaluation."""
        result = dg.evaluate_automation_conditions(definitions(), self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        return {it.key for it in result.results if it.true_subset.size}

    def materialized(self, *keys: dg.AssetKey, release: str | None = None) -> None:
        for key in keys:
            event = dg.AssetMaterialization(key, partition=release)
            self.instance.report_runless_asset_event(event)

    def checked(self, *keys: dg.AssetKey, failing: str | None = None) -> None:
        """Every blocking check of these assets is evaluated; one may fail."""
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

    def loaded(self, release: str) -> None:
        """A release is in the clean tables."""
        self.materialized(*LOADED, release=release)
        self.checked(*LOADED)


@pytest.fixture
def watched(instance: dg.DagsterInstance) -> Watched:
    """Three releases, of which none has been loaded yet."""
    register_releases(instance, ["a", "b", "c"])
    watched = Watched(instance)
    assert watched.requested() == set()
    watched.materialized(RELEASE_INDEX_KEY)
    watched.checked(RELEASE_INDEX_KEY, RESULT_PAGES)
    return watched


def everything_above_the_cache() -> set[dg.AssetKey]:
    graph = definitions().resolve_asset_graph()
    apart = {RELEASE_INDEX_KEY, RESULT_PAGES, GENERATION, *LOADED}
    return graph.get_all_asset_keys() - apart


def test_one_loaded_release_of_three_brings_everything_up_to_the_publication_at_once(
    watched: Watched,
) -> None:
    watched.loaded("a")
    assert watched.requested() == everything_above_the_cache()
    assert PUBLICATION in everything_above_the_cache()
    assert watched.requested() == set()
    watched.loaded("b")
    assert watched.requested() == everything_above_the_cache()


def test_the_index_and_the_pages_alone_bring_nothing(watched: Watched) -> None:
    watched.materialized(RELEASE_INDEX_KEY)
    watched.materialized(RESULT_PAGES, release="a")
    assert watched.requested() == set()


def test_what_was_loaded_and_not_checked_brings_nothing(watched: Watched) -> None:
    watched.materialized(*LOADED, release="a")
    assert watched.requested() == set()


def test_a_failed_check_holds_everything_back_until_it_passes(watched: Watched) -> None:
    watched.materialized(*LOADED, release="b")
    watched.checked(*LOADED, failing="fits_its_model")
    assert watched.requested() == set()
    watched.checked(*LOADED)
    assert watched.requested() == everything_above_the_cache()


def test_a_check_that_failed_further_down_does_not_hold_back_what_mends_it(
    watched: Watched,
) -> None:
    watched.loaded("a")
    for key in watched.requested():
        watched.materialized(key)
    watched.checked(*everything_above_the_cache(), failing="fits_its_model")
    watched.requested()
    watched.loaded("b")
    assert watched.requested() == everything_above_the_cache()


def test_what_a_run_has_loaded_is_not_followed_up_while_it_goes_on(watched: Watched) -> None:
    started = dg.DagsterRunStatus.STARTED
    run = submit_run(watched.instance, "bring_in_release", {PARTITION_TAG: "a"}, started)
    watched.loaded("a")
    assert watched.requested() == set()
    ended = watched.instance.get_run_by_id(run.run_id)
    assert ended is not None
    watched.instance.report_run_failed(ended, "killed after its work")
    assert watched.requested() == everything_above_the_cache()


def test_a_load_that_only_waits_in_the_queue_holds_up_nothing(watched: Watched) -> None:
    submit_run(watched.instance, "bring_in_release", {PARTITION_TAG: "b"})
    watched.loaded("a")
    assert watched.requested() == everything_above_the_cache()


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTED"])
def test_a_follow_up_that_is_under_way_is_waited_for(watched: Watched, status: str) -> None:
    watched.loaded("a")
    run = submit_run(watched.instance, "follow_up", status=dg.DagsterRunStatus[status])
    assert watched.requested() == set()
    watched.instance.report_run_failed(run, "the database was down")
    assert watched.requested() == everything_above_the_cache()
