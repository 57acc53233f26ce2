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


def answered(lake: PageArchive, release: str, found: int, failed: int = 0) -> None:
    outcomes = [Outcome.FOUND] * found + [Outcome.FAILED] * failed
    lake.write(
        release,
        [
            ArchivedAnswer(f"160424733{serial:03d}", outcome, 200, datetime.now(UTC), 1, 1, b"page")
            for serial, outcome in enumerate(outcomes, 1)
        ],
    )


def checked(lake: PageArchive) -> dict[str | None, dg.AssetCheckResult]:
    results = scrape_check_results(lake, INDEX, ["20250402"], SiteSettings())
    return {result.check_name: result for result in results}


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (5, True), (6, False)])
def test_more_than_a_twentieth_of_failed_answers_holds_a_release_back(
    lake: PageArchive, failed: int, passed: bool
) -> None:
    answered(lake, "20250402", found=100 - failed, failed=failed)
    result = checked(lake)[FAILED_ANSWERS_CHECK]
    assert result.passed is passed
    assert result.severity is dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(("found", "passed"), [(71, True), (69, False), (129, True), (131, False)])
def test_a_third_more_or_less_than_a_year_before_is_remarked_on(
    lake: PageArchive, found: int, passed: bool
) -> None:
    answered(lake, "20240511", found=100)
    answered(lake, "20240718", found=3)
    answered(lake, "20250402", found=found)
    result = checked(lake)[STUDENT_COUNT_CHECK]
    assert result.passed is passed
    assert result.severity is dg.AssetCheckSeverity.WARN


def test_without_a_year_before_there_is_nothing_to_remark_on(lake: PageArchive) -> None:
    answered(lake, "20250402", found=10)
    assert checked(lake)[STUDENT_COUNT_CHECK].passed
