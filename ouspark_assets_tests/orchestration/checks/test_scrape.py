from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.orchestration.checks.scrape import (
    FAILED_ANSWERS_CHECK,
    STUDENT_COUNT_CHECK,
    scrape_check_results,
)
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets_tests.support.factories import releases

INDEX = releases(
    {"release": "20250402", "session_year": 2025, "session_month": 2},
    {"release": "20240511", "session_year": 2024, "session_month": 3},
    {"release": "20240718", "session_year": 2024, "session_month": 2, "exam_kind": "revaluation"},
)


@pytest.fixture
def lake(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "lake"))


def archive_answers(lake: PageArchive, release: str, found: int, failed: int = 0) -> None:
    outcomes = [Outcome.FOUND] * found + [Outcome.FAILED] * failed
    lake.write(
        release,
        [
            ArchivedAnswer(f"160424733{serial:03d}", outcome, 200, datetime.now(UTC), 1, 1, b"page")
            for serial, outcome in enumerate(outcomes, 1)
        ],
    )


def evaluate_checks(lake: PageArchive) -> dict[str | None, dg.AssetCheckResult]:
    results = scrape_check_results(lake, INDEX, ["20250402"], SiteSettings())
    return {result.check_name: result for result in results}


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (5, True), (6, False)])
def test_more_than_five_percent_of_failed_answers_fail_a_blocking_check(
    lake: PageArchive, failed: int, passed: bool
) -> None:
    archive_answers(lake, "20250402", found=100 - failed, failed=failed)
    result = evaluate_checks(lake)[FAILED_ANSWERS_CHECK]
    assert result.passed is passed
    assert result.severity is dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(("found", "passed"), [(71, True), (69, False), (129, True), (131, False)])
def test_a_third_more_or_fewer_students_than_a_year_before_give_a_warning(
    lake: PageArchive, found: int, passed: bool
) -> None:
    archive_answers(lake, "20240511", found=100)
    archive_answers(lake, "20240718", found=3)
    archive_answers(lake, "20250402", found=found)
    result = evaluate_checks(lake)[STUDENT_COUNT_CHECK]
    assert result.passed is passed
    assert result.severity is dg.AssetCheckSeverity.WARN


def test_without_a_session_a_year_before_there_is_no_warning(lake: PageArchive) -> None:
    archive_answers(lake, "20250402", found=10)
    assert evaluate_checks(lake)[STUDENT_COUNT_CHECK].passed
