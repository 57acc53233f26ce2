"""The job `load_again`, which operators start from the UI to correct and discard records."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.quarantine.decisions import RecordFilter, find_records
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage

PAGE = ResultPage()
WRONG = replace(
    PAGE,
    marks=(
        ("501", "SOFTWARE ENGINEERING", "3", "7", "S"),
        ("502", "COMPILERS", "x", "8", "B"),
        *PAGE.marks[1:],
    ),
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        register_releases(instance, [RELEASE])
        yield instance


@pytest.fixture(autouse=True)
def settings(development_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUSPARK_DEV_DSN", development_dsn)
    monkeypatch.setenv("OUSPARK_PROD_DSN", development_dsn)
    monkeypatch.setenv("OUSPARK_LAKE", str(tmp_path / "lake"))
    answer = ArchivedAnswer(TICKET, Outcome.FOUND, 200, datetime.now(UTC), 1, 1, WRONG.body())
    PageArchive(str(tmp_path / "lake")).write(RELEASE, [answer])


def load_again(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    job = build_definitions().resolve_job_def("load_again")
    return job.execute_in_process(
        instance=instance,
        partition_key=RELEASE,
        run_config={"ops": {"parsed_pages": {"config": config}}},
        raise_on_error=False,
    )


def test_records_are_corrected_and_discarded_by_the_run_configuration(
    instance: dg.DagsterInstance, development: Connection
) -> None:
    load_again(instance)
    found = find_records(development, RecordFilter())
    wrong = {record.raw["fields"]["subject_code"]: record.id for record in found}
    assert set(wrong) == {"501", "502"}
    config = {
        "fix": {str(wrong["501"]): {"points": "10"}},
        "discard": {str(wrong["502"]): "printed twice"},
    }
    for _ in range(2):
        load_again(instance, **config)
        assert find_records(development, RecordFilter()) == []
    stored = development.execute(
        "SELECT points FROM clean.marks WHERE subject_code = '501'"
    ).fetchall()
    assert stored == [(10,)]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"fix": {"99": {"points": "10"}}}, "There is no quarantined record 99"),
        ({"discard": {"one": "why"}}, "'one' is not the number of a quarantined record"),
    ],
    ids=["unknown-record", "no-number"],
)
def test_an_invalid_decision_fails_the_run_and_nothing_is_loaded(
    instance: dg.DagsterInstance,
    development: Connection,
    config: dict[str, object],
    expected: str,
) -> None:
    done = load_again(instance, **config)
    assert not done.success
    (failure,) = done.get_step_failure_events()
    assert expected in str(failure.step_failure_data.error)
    assert development.execute("SELECT count(*) FROM clean.marks").fetchone() == (0,)
