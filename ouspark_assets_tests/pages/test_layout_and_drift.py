"""Page layouts are counted per release and compared, and never contain personal data."""

from dataclasses import replace

import polars as pl
import pytest

from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.drift import compare_layouts, find_missing_labels, list_unread
from ouspark_assets.pages.page_layout import Layout, merge_layouts
from ouspark_assets_tests.pages.page_builder import (
    FOUR_COLUMNS,
    RELEASE,
    TICKET,
    ResultPage,
    pages_of,
)

PLAIN = ResultPage()


def pages(page: ResultPage, count: int = 5, first: int = 0) -> pl.DataFrame:
    tickets = [f"160421733{serial:03d}" for serial in range(first, first + count)]
    body = page.body()
    return pages_of(
        *((ticket, body.replace(TICKET.encode(), ticket.encode())) for ticket in tickets)
    )


def layout(page: ResultPage, count: int = 5) -> Layout:
    return clean_pages(RELEASE, pages(page, count)).layout


def with_column(name: str, value: str) -> ResultPage:
    return replace(
        PLAIN,
        marks_header=(*PLAIN.marks_header, name),
        marks=tuple((*row, value) for row in PLAIN.marks),
    )


def test_equal_layouts_have_no_differences() -> None:
    assert compare_layouts(layout(PLAIN), layout(PLAIN, 9)) == []
    assert list_unread(layout(PLAIN)) == []
    assert find_missing_labels(layout(PLAIN)) == []


def test_a_new_column_that_is_not_read_is_reported() -> None:
    now = layout(with_column("Remarks", "as per notice"))
    assert list_unread(now) == ["marks: column Remarks: not read into any field (5 pages)"]
    assert any(
        "Remarks" in change and "new header row" in change
        for change in compare_layouts(layout(PLAIN), now)
    )


def test_a_new_blank_column_is_also_a_difference() -> None:
    now = layout(with_column("Remarks", ""))
    assert list_unread(now) == []
    assert any("new header row" in change for change in compare_layouts(layout(PLAIN), now))


def test_a_removed_column_is_reported() -> None:
    now = layout(
        replace(
            PLAIN,
            marks_header=FOUR_COLUMNS,
            marks=tuple((*row[:3], row[4]) for row in PLAIN.marks),
        )
    )
    assert compare_layouts(layout(PLAIN), now) == [
        "new header row 'marks: Sub Code | Subject Name | Credits | Grade Secured' (5 in 5 pages)",
        "header row 'marks: Sub Code | Subject Name | Credits | Grade Points | Grade Secured'"
        " is gone (was on 5 of 5 pages)",
    ]


def test_a_renamed_label_is_reported_as_missing_and_as_unknown() -> None:
    personal = (PLAIN.personal[0], ("Candidate", "ZEBA TESTWALA"), PLAIN.personal[2])
    now = layout(replace(PLAIN, personal=personal))
    assert find_missing_labels(now) == ["label 'Name' is missing from 5 of 5 pages"]
    found = compare_layouts(layout(PLAIN), now)
    assert "label 'Name' is gone (was on 5 of 5 pages)" in found
    assert "new unknown label 'Candidate' (5 in 5 pages)" in found


@pytest.mark.parametrize(
    ("complete", "nameless", "missing"), [(28, 2, 0), (9, 3, 1), (40, 4, 0), (0, 1, 1)]
)
def test_a_label_is_missing_only_when_many_pages_lack_it(
    complete: int, nameless: int, missing: int
) -> None:
    page = replace(PLAIN, personal=PLAIN.personal[:1])
    together = merge_layouts([layout(PLAIN, complete), layout(page, nameless)])
    assert len(find_missing_labels(together)) == missing


def test_a_label_of_an_earlier_release_is_not_reported_as_new() -> None:
    personal = (PLAIN.personal[0], ("Candidate", "ZEBA TESTWALA"), PLAIN.personal[2])
    renamed = layout(replace(PLAIN, personal=personal))
    before = merge_layouts(
        [Layout.from_json(old.as_json()) for old in (layout(PLAIN, 40), renamed)]
    )
    assert compare_layouts(before, renamed) == [
        "label 'Father's Name' is gone (was on 40 of 45 pages)",
        "label 'Name' is gone (was on 40 of 45 pages)",
    ]


def test_a_new_status_grade_or_course_is_reported() -> None:
    page = replace(
        PLAIN,
        personal=(*PLAIN.personal[:2], ("Course", "BTECH", "Medium", "ENGLISH")),
        marks=(*PLAIN.marks, ("502", "X", "3", "", "RL")),
        results=(("5", "WITHHELD", "-"),),
    )
    assert compare_layouts(layout(PLAIN), layout(page)) == [
        "new course 'BTECH' (5 in 5 pages)",
        "new status 'WITHHELD' (5 in 5 pages)",
        "new grade 'RL' (5 in 5 pages)",
    ]


def test_text_that_only_a_few_pages_have_is_never_displayed() -> None:
    person = "ZEBA TESTWALA"
    swapped = replace(
        PLAIN,
        personal=(
            PLAIN.personal[0],
            (person, "Name", "OMAR TESTWALA", "Father's Name"),
            ("Course", person, "Medium", "ENGLISH"),
        ),
    )
    shifted = replace(
        PLAIN,
        marks_header=(person, *PLAIN.marks_header[1:]),
        results=(("5", person, "-"),),
    )
    strange = replace(PLAIN, marks_header=(person, "Name", "OMAR TESTWALA"))
    extra = with_column(person, "x")
    layouts = [
        clean_pages(RELEASE, pages(page, 1, at)).layout
        for at, page in enumerate([swapped, shifted, strange, extra])
    ]
    together = merge_layouts([layout(PLAIN), *layouts])
    shown = [together.as_json(), *compare_layouts(layout(PLAIN), together), *list_unread(together)]
    assert "TESTWALA" not in "".join(shown)


def test_merged_layouts_of_batches_equal_the_layout_of_all_pages() -> None:
    page = with_column("Remarks", "x")
    whole = clean_pages(RELEASE, pages(page, 6)).layout
    parts = [clean_pages(RELEASE, part).layout for part in pages(page, 6).iter_slices(4)]
    assert merge_layouts(parts) == whole


def test_a_layout_is_unchanged_by_storing_it() -> None:
    now = layout(with_column("Remarks", "x"))
    stored = Layout.from_json(now.as_json())
    assert stored == now.shown()
    assert compare_layouts(stored, now) == []


def test_an_empty_release_has_no_differences() -> None:
    assert compare_layouts(layout(PLAIN), Layout()) == []
    assert compare_layouts(Layout(), layout(PLAIN)) == []
    assert find_missing_labels(Layout()) == []
