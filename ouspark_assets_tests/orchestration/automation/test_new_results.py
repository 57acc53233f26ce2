"""The sensor `new_results`: which runs it requests, which it skips, and when the site is down."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepFailureData

from ouspark_assets.orchestration.automation import ingestion
from ouspark_assets.orchestration.automation.ingestion import new_results_sensor
from ouspark_assets.orchestration.automation.run_queries import (
    RUN_KEY_TAG,
    find_releases_in_progress,
)
from ouspark_assets.orchestration.keys import RESULT_PAGES
from ouspark_assets.orchestration.partitions import (
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    RELEASE_PARTITIONS_NAME,
    register_releases,
    split_into_ranges,
)
from ouspark_assets.settings import load_settings
from ouspark_assets_tests.orchestration.automation.evaluation import (
    definitions,
    evaluate_sensor,
    submit_run,
)
from ouspark_assets_tests.sources.results_site.small_site import Sent, SmallSite, small_site
from ouspark_assets_tests.support.stores import UNREACHABLE_DSN


def row(release: str, title: str, day: str = "22-04-2025") -> str:
    return (
        f"<tr><td>{title}</td><td><a href='res07/{release}.jsp'>Click</a></td><td>{day}</td></tr>"
    )


OLDER = row("20250201", "B.E. (CBCS) I, III Sem (Main) Jan/Feb-2025", "20-03-2025")
NEWER = row("20250402", "B.E. (CBCS) II, IV Sem (Main) July/Aug-2025")
OTHER_COURSE = row("20250403", "B.Sc (CBCS) II Sem (Main) July/Aug-2025")
NO_SCHEME = row("20250404", "B.E. II, IV Sem (Main) July/Aug-2025")


@dataclass
class Index:
    """The index page that the site serves; tests change it."""

    rows: list[str]
    status: int = 200
    seconds: float = 0
    site: SmallSite = field(default_factory=SmallSite)

    def answer(self, _path: str) -> Sent:
        page = f"<table>{''.join(self.rows)}</table>".encode()
        return Sent(page if self.status == 200 else b"", self.status, seconds=self.seconds)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A site with two selected releases, the newest first; no database is reachable."""
    index = Index([OTHER_COURSE, NEWER, OLDER])
    monkeypatch.setenv("OUSPARK_HOME", str(tmp_path / "home"))
    for side in ("DEV", "PROD"):
        monkeypatch.setenv(f"OUSPARK_{side}_DSN", UNREACHABLE_DSN)
    with small_site(index.answer) as site:
        index.site = site
        monkeypatch.setenv("OUSPARK_SITE_URL", site.url)
        yield index


@pytest.fixture
def with_table(development_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the development database reachable."""
    monkeypatch.setenv("OUSPARK_DEV_DSN", development_dsn)


def evaluate(instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    return evaluate_sensor(new_results_sensor(load_settings().automation), instance, cursor)


def materialize(instance: dg.DagsterInstance, *keys: str) -> None:
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(RESULT_PAGES, partition=key))


def read_the_index(instance: dg.DagsterInstance) -> None:
    job = definitions().resolve_job_def("read_index")
    assert job.execute_in_process(instance=instance).success


def test_new_releases_are_registered_and_requested_in_one_run_even_without_a_database(
    instance: dg.DagsterInstance, index: Index
) -> None:
    index.rows.append(NO_SCHEME)
    (request,) = evaluate(instance).run_requests
    registered = instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME)
    assert registered == ["20250201", "20250402", "20250404"]
    assert request.job_name == "bring_in_new_results"
    assert request.tags[RANGE_START_TAG] == "20250201"
    assert request.tags[RANGE_END_TAG] == "20250402"


def test_a_single_new_release_is_requested_by_its_partition_key(
    instance: dg.DagsterInstance, index: Index
) -> None:
    materialize(instance, "20250201")
    (request,) = evaluate(instance).run_requests
    assert request.partition_key == "20250402"
    assert request.tags[PARTITION_TAG] == "20250402"


def test_two_ticks_never_start_two_runs(instance: dg.DagsterInstance, index: Index) -> None:
    first = evaluate(instance)
    again = evaluate(instance, first.cursor)
    # Until the run is queued, its run key prevents a second one; from then on, its releases do.
    assert [request.run_key for request in again.run_requests] == [
        request.run_key for request in first.run_requests
    ]
    submit_run(instance, "bring_in_new_results", first.run_requests[0].tags)
    assert find_releases_in_progress(instance) == {"20250201", "20250402"}
    third = evaluate(instance, again.cursor)
    assert third.run_requests == []
    assert third.skip_message == "New releases are queued or running: 20250201, 20250402."


def test_a_failed_run_is_requested_again(
    instance: dg.DagsterInstance, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate(instance)
    run = submit_run(instance, "bring_in_new_results", first.run_requests[0].tags)
    instance.report_run_failed(run, "the site was down")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + ingestion.RETRY_INTERVAL)
    again = evaluate(instance, first.cursor)
    assert [request.tags[RANGE_END_TAG] for request in again.run_requests] == ["20250402"]
    # Dagster starts no second run with the key of an earlier one.
    (before,), (after,) = first.run_requests, again.run_requests
    assert before.run_key != after.run_key


def request_and_fail(instance: dg.DagsterInstance, *, in_a_step: bool) -> str:
    """Have the sensor request a run, let it fail, and return its run key."""
    (request,) = evaluate(instance).run_requests
    tags = {**request.tags, RUN_KEY_TAG: request.run_key}
    run = submit_run(instance, "bring_in_new_results", tags)
    if in_a_step:
        kind = dg.DagsterEventType.STEP_FAILURE.value
        failure = StepFailureData(error=None, user_failure_data=None)
        event = dg.DagsterEvent(kind, run.job_name, event_specific_data=failure)
        instance.report_dagster_event(event, run.run_id)
    instance.report_run_failed(run, "its process is gone")
    return str(request.run_key)


def test_a_run_whose_process_was_killed_is_requested_again_at_once_and_three_times_at_most(
    instance: dg.DagsterInstance, index: Index
) -> None:
    keys = [request_and_fail(instance, in_a_step=False) for _ in range(4)]
    assert len(set(keys)) == 4
    # Dagster starts no second run for a run key.
    (request,) = evaluate(instance).run_requests
    assert request.run_key == keys[-1]


def test_a_run_that_failed_in_a_step_is_not_requested_again_before_the_window_is_over(
    instance: dg.DagsterInstance, index: Index
) -> None:
    key = request_and_fail(instance, in_a_step=True)
    (request,) = evaluate(instance).run_requests
    assert request.run_key == key


def test_the_page_counts_as_read_when_it_lists_nothing_new(
    instance: dg.DagsterInstance, index: Index, with_table: None
) -> None:
    read_the_index(instance)
    materialize(instance, "20250201", "20250402")
    done = evaluate(instance)
    assert done.skip_message == "The index page lists no new results."
    again = evaluate(instance, done.cursor)
    assert again.skip_message == "The index page has not changed."
    index.rows.insert(0, row("20250909", "B.E. (CBCS) (RV) July/Aug-2025", "09-09-2025"))
    (request,) = evaluate(instance, again.cursor).run_requests
    assert request.partition_key == "20250909"


def test_an_unchanged_page_is_not_transferred_again(
    instance: dg.DagsterInstance, index: Index
) -> None:
    index.status = 304
    known = json.dumps({"etag": '"a"', "sha256": "of the page"})
    assert evaluate(instance, known).skip_message == "The index page has not changed."
    assert 'if-none-match: "a"' in index.site.heads[-1].lower()


def test_links_that_are_not_selected_are_stored_in_the_index_table(
    instance: dg.DagsterInstance, index: Index, with_table: None
) -> None:
    materialize(instance, "20250201", "20250402")
    (request,) = evaluate(instance).run_requests
    assert request.job_name == "read_index"


def test_every_tick_names_the_releases_skipped_for_lack_of_a_scheme(
    instance: dg.DagsterInstance, index: Index, with_table: None
) -> None:
    index.rows.append(NO_SCHEME)
    read_the_index(instance)
    materialize(instance, "20250201", "20250402")
    cursor = None
    for _ in range(2):
        seen = evaluate(instance, cursor)
        cursor = seen.cursor
        assert "name neither CBCS nor AICTE: 20250404" in str(seen.skip_message)


def test_a_site_that_is_down_gives_one_line_with_the_time_since_when(
    instance: dg.DagsterInstance, index: Index
) -> None:
    known = json.dumps({"etag": '"a"', "sha256": "of the page"})
    index.status = 503
    down = evaluate(instance, known)
    still_down = evaluate(instance, down.cursor)
    assert down.run_requests == []
    assert str(down.skip_message).startswith("Since 20")
    assert "HTTP 503" in str(down.skip_message)
    assert "\n" not in str(down.skip_message)
    assert still_down.cursor == down.cursor
    assert json.loads(str(down.cursor))["etag"] == '"a"'
    index.status = 200
    assert len(evaluate(instance, still_down.cursor).run_requests) == 1


def test_a_site_that_hangs_does_not_block_the_sensor(
    instance: dg.DagsterInstance, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "FETCH_TIMEOUT", 0.5)
    index.seconds = 60
    assert "Since" in str(evaluate(instance).skip_message)


def test_an_error_page_with_status_200_changes_nothing(
    instance: dg.DagsterInstance, index: Index
) -> None:
    index.rows.clear()
    known = json.dumps({"sha256": "of the page"})
    seen = evaluate(instance, known)
    assert "has no link to a results page. Check that OUSPARK_SITE_URL" in str(seen.skip_message)
    remembered = json.loads(str(seen.cursor))
    assert remembered["sha256"] == "of the page"
    assert remembered["unreadable_since"]
    assert instance.get_dynamic_partitions(RELEASE_PARTITIONS_NAME) == []


def test_releases_no_longer_listed_still_count_for_the_newest_year(
    instance: dg.DagsterInstance, index: Index, with_table: None
) -> None:
    read_the_index(instance)
    index.rows[:] = [row("20231101", "B.E. (CBCS) I Sem (Main) Jan-2023", "01-11-2023")]
    seen = evaluate(instance)
    assert {request.job_name for request in seen.run_requests} == {"bring_in_new_results"}
    assert "20231101" not in str(seen.run_requests)


@pytest.mark.parametrize("cursor", ["", "no JSON", "[1]", '{"unknown": 1}'])
def test_an_unreadable_cursor_counts_as_empty(
    instance: dg.DagsterInstance, index: Index, cursor: str
) -> None:
    assert len(evaluate(instance, cursor).run_requests) == 1


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ("abc", ["abc"]),
        ("ac", ["a", "c"]),
        ("bcd", ["bcd"]),
        ("ba", ["b", "a"]),
        ("abd", ["ab", "d"]),
        ("", []),
    ],
)
def test_a_range_contains_only_releases_that_were_asked_for(
    releases: str, expected: list[str]
) -> None:
    assert ["".join(found) for found in split_into_ranges(releases, "abcd")] == expected


def test_releases_in_between_that_are_not_selected_are_not_part_of_a_range(
    instance: dg.DagsterInstance, index: Index
) -> None:
    register_releases(instance, ["20250201", "an_old_one", "20250402"])
    requests = evaluate(instance).run_requests
    assert [request.partition_key for request in requests] == ["20250201", "20250402"]
