"""The checks of a load: changes of the page layout between releases."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from ouspark_assets.orchestration.checks.pages import (
    ACCOUNTING_CHECK,
    LAYOUT_CHECK,
    REQUIRED_LABELS_CHECK,
    page_check_results,
)
from ouspark_assets.pipeline.load import LoadResult, load_release
from ouspark_assets.sources.results_site.archive import ArchivedAnswer, PageArchive
from ouspark_assets.sources.results_site.outcomes import Outcome
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets_tests.pages.page_builder import FOUR_COLUMNS, ResultPage

PAGE = ResultPage()
STUDENTS = [f"160421733{serial:03d}" for serial in range(1, 6)]


@pytest.fixture
def lake(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "lake"))


def of_student(page: ResultPage, ticket: str) -> ResultPage:
    (_, _, *gender), *others = page.personal
    return replace(page, personal=(("Hall Ticket No.", ticket, *gender), *others))


def loaded(
    development: Connection, lake: PageArchive, release: str, page: ResultPage
) -> tuple[LoadResult, dict[str | None, dg.AssetCheckResult]]:
    pages = [of_student(page, ticket).body() for ticket in STUDENTS]
    now = datetime.now(UTC)
    lake.write(
        release,
        [
            ArchivedAnswer(ticket, Outcome.FOUND, 200, now, 1, 1, body)
            for ticket, body in zip(STUDENTS, pages, strict=True)
        ],
    )
    load = load_release(development, lake, release, "run")
    results = [result for _, result in page_check_results(development, [load])]
    return load, {result.check_name: result for result in results if result.check_name}


def test_an_unchanged_layout_passes(development: Connection, lake: PageArchive) -> None:
    loaded(development, lake, "20240511", PAGE)
    _, checks = loaded(development, lake, "20250402", PAGE)
    assert all(check.passed for check in checks.values())


def test_a_new_column_is_reported_by_name(development: Connection, lake: PageArchive) -> None:
    loaded(development, lake, "20240511", PAGE)
    wider = replace(
        PAGE,
        marks_header=(*PAGE.marks_header, "Attempt"),
        marks=tuple((*row, "1") for row in PAGE.marks),
    )
    load, checks = loaded(development, lake, "20250402", wider)
    assert load.rows > 0
    assert not checks[LAYOUT_CHECK].passed
    assert checks[LAYOUT_CHECK].severity is dg.AssetCheckSeverity.WARN
    assert "Attempt" in str(checks[LAYOUT_CHECK].metadata)


def test_four_columns_instead_of_five_give_a_warning_and_lose_no_row(
    development: Connection, lake: PageArchive
) -> None:
    loaded(development, lake, "20240511", PAGE)
    narrower = replace(
        PAGE,
        marks_header=FOUR_COLUMNS,
        marks=tuple((*row[:3], row[4]) for row in PAGE.marks),
    )
    load, checks = loaded(development, lake, "20250402", narrower)
    assert load.quarantined.open == 0
    assert not checks[LAYOUT_CHECK].passed


def test_a_missing_required_label_fails_a_blocking_check(
    development: Connection, lake: PageArchive
) -> None:
    loaded(development, lake, "20240511", PAGE)
    renamed = replace(PAGE, personal=(PAGE.personal[0], ("Student", *PAGE.personal[1][1:])))
    load, checks = loaded(development, lake, "20250402", renamed)
    assert not checks[REQUIRED_LABELS_CHECK].passed
    assert checks[REQUIRED_LABELS_CHECK].severity is dg.AssetCheckSeverity.ERROR
    assert checks[ACCOUNTING_CHECK].passed
    assert load.quarantined.open > 0
