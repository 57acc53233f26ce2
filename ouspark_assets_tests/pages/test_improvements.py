"""A passed subject sat once more for a better grade, and failed: the earlier pass stands."""

from dataclasses import replace

from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets_tests.pages.page_builder import RELEASE, ResultPage, pages_of

PAGE = ResultPage()


def rejected(*results: tuple[str, str, str]) -> list[str]:
    page = replace(PAGE, results=results)
    return clean_pages(RELEASE, pages_of(page.body())).rejected["table_name"].to_list()


def test_an_older_semester_keeps_its_sgpa_beside_a_failed_improvement() -> None:
    assert rejected(("4", "COMPLETED-7.1", "-"), ("5", "PROMOTED-9.33", "-")) == []


def test_the_current_semester_has_no_sgpa_beside_a_fail() -> None:
    assert rejected(("4", "PASSED-7.1", "-")) == ["results"]
