"""Oversized result pages are quarantined as a whole, in little time and memory.

`pages/test_hostile_pages.py` tests hostile texts.
"""

import pytest

from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.html_tables import MAX_COMPOSED_LENGTH, normalize_text
from ouspark_assets.pages.page_reader import (
    MAX_CELLS,
    MAX_PAGE_BYTES,
    MAX_ROWS,
    TOO_LARGE,
    TOO_MANY_CELLS,
    TOO_MANY_ROWS,
)
from ouspark_assets_tests.edges.limits import memory_limit, time_limit
from ouspark_assets_tests.pages.page_builder import RELEASE, ResultPage, pages_of

PAGE = ResultPage()
ROW = b"<tr><td>501<td>3<td>A"
MEGABYTES = 60
NEW_ROW = b"<tr><td>502<td>3<td>A"
HEADER = b"<table id=AutoNumber4><tr><th>Sub Code<th>Credits<th>Grade Secured"
BOX = b'<table id="AutoNumber6">'


def with_more(more: bytes) -> bytes:
    """A valid page with more markup before its search box."""
    body = PAGE.body()
    assert body.count(BOX) == 1
    return body.replace(BOX, b"<tr><td>" + more + b"</table></td></tr><tr><td>" + BOX)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (with_more(HEADER + b"<th>x" * 20_000 + ROW * 5_000), TOO_MANY_CELLS),
        (with_more(HEADER + b"<th>x" * MAX_CELLS + ROW), TOO_MANY_CELLS),
        (with_more(HEADER + ROW + b"<td>x" * 20_000), TOO_MANY_CELLS),
        (with_more(b"<table id=AutoNumber3><tr>" + b"<td>Name<td>X" * 10_000), TOO_MANY_CELLS),
        (with_more(HEADER + ROW * 10_000), TOO_MANY_ROWS),
        (with_more(HEADER + ROW * MAX_ROWS), TOO_MANY_ROWS),
        (with_more(b"<table id=AutoNumber3>" + b"<tr><td>Name<td>X" * 10_000), TOO_MANY_ROWS),
        (
            with_more(HEADER + b"".join(b"<tr><td>Sub Code<td>%d" % n for n in range(10_000))),
            TOO_MANY_ROWS,
        ),
        (b"<table>" + b"<tbody><tr><td>a" * 10_000, TOO_MANY_ROWS),
        (with_more(HEADER + ROW * 1_000_000), TOO_LARGE),
        (with_more(b"<table title='" + b"x" * MAX_PAGE_BYTES + b"'>"), TOO_LARGE),
    ],
    ids=[
        "a header of 20,000 columns over 5,000 rows",
        "a header of a few columns too many",
        "a row of 20,000 cells",
        "personal details of 20,000 cells",
        "10,000 marks",
        "a few marks too many",
        "10,000 personal details",
        "10,000 headers",
        "10,000 nested bodies of tables",
        "a million marks",
        "an attribute of a megabyte",
    ],
)
def test_an_oversized_page_becomes_one_small_quarantine_record(body: bytes, reason: str) -> None:
    with memory_limit(MEGABYTES):
        batch = clean_pages(RELEASE, pages_of(body))
    assert batch.rejected.select("table_name", "reasons").rows() == [("pages", [reason])]
    assert len(batch.rejected["raw"][0]) < 5_000
    assert batch.marks.is_empty()


def test_a_page_at_the_limits_is_read() -> None:
    more = HEADER + b"<th>x" * (MAX_CELLS - 3) + NEW_ROW * (MAX_ROWS // 2)
    with memory_limit(MEGABYTES):
        batch = clean_pages(RELEASE, pages_of(with_more(more)))
    assert batch.marks.height == len(PAGE.marks) + 1


@pytest.mark.parametrize("mark", ["\u0301\u0323", "\ufdfa", "\u1160", "&#x301;&#x323;"])
def test_a_text_of_combining_marks_is_normalised_in_time(mark: str) -> None:
    with time_limit():
        normalize_text("a" + mark * 200_000)


def test_a_text_within_the_limit_is_composed() -> None:
    assert normalize_text("e\u0301" * (MAX_COMPOSED_LENGTH // 2)) == "é" * (
        MAX_COMPOSED_LENGTH // 2
    )
