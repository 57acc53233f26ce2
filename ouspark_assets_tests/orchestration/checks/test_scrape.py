from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.orchestration.checks.scrape import (
    FAILED_ANSWERS_CHECK,
    SENTENCES_CHECK,
    STUDENT_COUNT_CHECK,
    scrape_check_results,
)
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Cause, Outcome
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


def archive_causes(lake: PageArchive, found: int, outcome: Outcome, causes: list[str]) -> None:
    """Write the answers of a release of which some have a cause or a sentence."""
    archive_answers(lake, "20250402", found=found)
    now = datetime.now(UTC)
    lake.write(
        "20250402",
        [
            ArchivedAnswer(f"160424735{serial:03d}", outcome, 200, now, 1, 1, b"page", cause)
            for serial, cause in enumerate(causes, 1)
        ],
    )


@pytest.mark.parametrize("cause", [Cause.NO_KNOWN_TICKET, Cause.TOO_MANY_WITHOUT_RESULT])
def test_sentences_that_may_be_about_the_site_hold_a_release_back_however_few(
    lake: PageArchive, cause: Cause
) -> None:
    archive_causes(lake, 100, Outcome.FAILED, [cause.value])
    assert evaluate_checks(lake)[FAILED_ANSWERS_CHECK].passed is False


def test_an_answer_that_could_not_be_confirmed_is_a_failure_like_others(lake: PageArchive) -> None:
    archive_causes(lake, 100, Outcome.FAILED, [Cause.UNCONFIRMED.value])
    assert evaluate_checks(lake)[FAILED_ANSWERS_CHECK].passed is True


@pytest.mark.parametrize(
    ("sentences", "passed"),
    [
        (["Never seen before"] * 3, True),
        (["Never seen before"] * 4, False),
        ([f'Hall Ticket "16042473500{serial}" is barred' for serial in range(1, 5)], False),
        (["Never seen before"] * 2 + ["Nor this one"] * 2, True),
        (["Exam Fee Not Paid"] * 9, True),
    ],
)
def test_a_new_sentence_for_more_than_three_percent_of_the_students_gives_a_warning(
    lake: PageArchive, sentences: list[str], passed: bool
) -> None:
    archive_causes(lake, 100 - len(sentences), Outcome.NO_RESULT, sentences)
    result = evaluate_checks(lake)[SENTENCES_CHECK]
    assert result.passed is passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert "160424735" not in str(result.metadata["new sentences"].value)
    shown = result.metadata["sentences"]
    assert isinstance(shown, dg.TableMetadataValue)
    counts = [record.data["hall tickets"] for record in shown.records]
    assert sum(int(str(count)) for count in counts) == len(sentences)


def test_the_share_of_new_sentences_and_the_known_ones_are_settings(
    lake: PageArchive, tmp_path: Path
) -> None:
    archive_causes(lake, 90, Outcome.NO_RESULT, ["Never seen before"] * 10)

    def passes(**settings: object) -> bool:
        results = scrape_check_results(lake, INDEX, ["20250402"], SiteSettings(**settings))
        return next(each for each in results if each.check_name == SENTENCES_CHECK).passed

    assert not passes()
    assert passes(site_most_new_sentence=0.1)
    (tmp_path / "known.csv").write_text("pattern,outcome\nnever seen,no_result\n")
    assert passes(site_sentences=tmp_path / "known.csv")
