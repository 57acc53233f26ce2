"""The schedule `fill_up`: which releases it continues, rechecks or skips, and how often."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ouspark_assets.orchestration.automation.ingestion import (
    REASON_TAG,
    RECHECK_TAG,
    fill_up_schedule,
)
from ouspark_assets.orchestration.partitions import (
    RANGE_END_TAG,
    RANGE_START_TAG,
    RELEASE_PARTITIONS_NAME,
)
from ouspark_assets.pipeline.outstanding_work import find_releases_to_recheck
from ouspark_assets.settings import AutomationSettings, load_settings
from ouspark_assets.standin.process import running_standin
from ouspark_assets_tests.orchestration.automation.evaluation import (
    definitions,
    evaluate_schedule,
    store_index,
    submit_run,
)
from ouspark_assets_tests.support.factories import releases
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN, Stores

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DONE = "Every release is complete and loaded, and no recheck is due."


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with a folder: evaluating a schedule needs a reference to the instance."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        yield instance


def evaluate(instance: dg.DagsterInstance, when: datetime = NOON) -> Any:
    return evaluate_schedule(fill_up_schedule(load_settings().automation), instance, when)


@pytest.fixture
def site(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A results site with one release from long ago."""
    with running_standin(students=20, releases=1, seed=3) as site:
        monkeypatch.setenv("OUSPARK_SITE_URL", site.url)
        yield


def test_a_release_is_continued_until_it_is_complete_and_loaded_and_then_rechecked_at_intervals(
    instance: dg.DagsterInstance, site: None, stores: Stores
) -> None:
    job = definitions().resolve_job_def("bring_in_release")
    read_index = definitions().resolve_job_def("read_index")
    assert read_index.execute_in_process(instance=instance).success
    (release,) = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)[:1]
    (request,) = evaluate(instance).run_requests
    assert (request.partition_key, request.tags[REASON_TAG]) == (
        release,
        "not every ticket has been answered",
    )
    assert job.execute_in_process(instance=instance, partition_key=release).success
    assert evaluate(instance).skip_message == DONE

    for change in (
        "UPDATE ops.loads SET fingerprint = 'that of an earlier load'",
        "DELETE FROM ops.loads",
    ):
        stores.development.execute(change)
        (request,) = evaluate(instance).run_requests
        assert request.tags[REASON_TAG] == "some of its pages are not loaded"
    assert job.execute_in_process(instance=instance, partition_key=release).success

    stores.development.execute("UPDATE source.release_index SET published_on = current_date")
    stores.development.execute("UPDATE clean.marks SET points = NULL")
    now = datetime.now(UTC)
    (request,) = evaluate(instance, now).run_requests
    assert request.tags[REASON_TAG] == "some of its results will come later"
    assert request.run_config["ops"]["raw__result_pages"]["config"] == {"recheck": True}
    dg.validate_run_config(job, run_config=request.run_config)
    instance.report_run_failed(submit_run(instance, job.name, request.tags), "the site was down")
    assert evaluate(instance, now).skip_message == DONE
    (again,) = evaluate(instance, now + timedelta(hours=6)).run_requests
    assert again.tags[RECHECK_TAG] != request.tags[RECHECK_TAG]


def test_releases_of_a_range_that_is_in_progress_are_skipped(
    instance: dg.DagsterInstance, stores: Stores
) -> None:
    store_index(stores.development, {"release": "a"}, {"release": "b"})
    assert [request.partition_key for request in evaluate(instance).run_requests] == ["a", "b"]
    submit_run(instance, "bring_in_new_results", {RANGE_START_TAG: "a", RANGE_END_TAG: "b"})
    assert evaluate(instance).skip_message == DONE


def test_an_unreachable_database_is_the_reason_to_skip(
    instance: dg.DagsterInstance, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", UNREACHABLE_DSN)
    assert "The development database can't be reached" in evaluate(instance).skip_message


@pytest.mark.parametrize(
    ("row", "pending", "expected"),
    [
        ({"published_on": TODAY - timedelta(days=2)}, False, 6),
        ({"published_on": TODAY - timedelta(days=5)}, False, None),
        ({"published_on": TODAY - timedelta(days=5)}, True, 6),
        ({"published_on": TODAY - timedelta(days=30)}, True, 24),
        ({"published_on": TODAY - timedelta(days=30), "exam_kind": "revaluation"}, False, 24),
        ({"published_on": TODAY - timedelta(days=91)}, True, None),
        ({"published_on": None}, True, 24),
        ({"published_on": None}, False, None),
    ],
)
def test_the_recheck_interval_depends_on_the_age_of_the_release(
    row: dict[str, object], *, pending: bool, expected: float | None
) -> None:
    index = releases({"release": "a", **row})
    found = find_releases_to_recheck(
        AutomationSettings(), index, ["a"] if pending else [], ["a"], TODAY
    )
    assert [request.interval_hours for request in found] == ([] if expected is None else [expected])
