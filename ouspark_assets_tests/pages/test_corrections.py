"""A manual correction is applied at every parse, only to the record it was made for."""

import json
from dataclasses import replace

import pytest

from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.corrections import Correction, CorrectionError, check_changes
from ouspark_assets_tests.pages.page_builder import (
    OTHER_TICKET,
    RELEASE,
    TICKET,
    ResultPage,
    pages_of,
)

PLAIN = ResultPage()


def with_mark(*cells: str) -> bytes:
    return replace(PLAIN, marks=(*PLAIN.marks, cells)).body()


def correct(batch: CleanBatch, **changes: str) -> Correction:
    record = batch.rejected.row(0, named=True)
    return Correction(
        RELEASE, record["hall_ticket"], record["table_name"], record["fingerprint"], changes
    )


def test_a_corrected_value_is_accepted_like_a_printed_value() -> None:
    pages = pages_of(with_mark("502", "X", "#REF!", "9", "A"))
    correction = correct(clean_pages(RELEASE, pages), credits="3")
    batch = clean_pages(RELEASE, pages, corrections=[correction])
    assert batch.rejected.is_empty()
    assert batch.marks.filter(subject_code="502")["credits"].to_list() == [3.0]


def test_an_insufficient_correction_keeps_the_fingerprint_of_the_record() -> None:
    pages = pages_of(with_mark("502", "X", "#REF!", "9", "A"))
    before = clean_pages(RELEASE, pages)
    after = clean_pages(RELEASE, pages, corrections=[correct(before, credits="99")])
    assert after.rejected["reasons"].to_list() == [["credits is more than 30"]]
    assert after.rejected["fingerprint"].equals(before.rejected["fingerprint"])
    assert after.rejected["raw"].equals(before.rejected["raw"])


@pytest.mark.parametrize(
    "changed", [{"release": "20240511"}, {"hall_ticket": OTHER_TICKET}, {"table_name": "results"}]
)
def test_a_correction_of_another_record_changes_nothing(changed: dict[str, str]) -> None:
    pages = pages_of(with_mark("502", "X", "#REF!", "9", "A"))
    before = clean_pages(RELEASE, pages)
    other = replace(correct(before, credits="3"), **changed)
    assert clean_pages(RELEASE, pages, corrections=[other]).rejected.equals(before.rejected)


def test_a_correction_no_longer_applies_when_the_page_has_changed() -> None:
    before = clean_pages(RELEASE, pages_of(with_mark("502", "X", "#REF!", "9", "A")))
    correction = correct(before, credits="3")
    now = pages_of(with_mark("502", "X", "4", "9", "A"))
    batch = clean_pages(RELEASE, now, corrections=[correction])
    assert batch.marks.filter(subject_code="502")["credits"].to_list() == [4.0]


def test_a_row_with_too_few_cells_can_be_completed() -> None:
    pages = pages_of(with_mark("502", "X", "3"))
    correction = correct(
        clean_pages(RELEASE, pages), subject_code="502", credits="3", points="9", grade="A"
    )
    batch = clean_pages(RELEASE, pages, corrections=[correction])
    assert batch.rejected.is_empty()
    assert batch.marks.height == len(PLAIN.marks) + 1


def test_one_of_two_contradicting_rows_can_be_corrected_to_match_the_other() -> None:
    pages = pages_of(with_mark("501", "SOFTWARE ENGINEERING", "3", "9", "A"))
    before = clean_pages(RELEASE, pages)
    records = {json.loads(raw)["fields"]["grade"]: raw for raw in before.rejected["raw"]}
    at = before.rejected["raw"].to_list().index(records["A"])
    correction = Correction(
        RELEASE, TICKET, "marks", before.rejected["fingerprint"][at], {"grade": "S", "points": "10"}
    )
    batch = clean_pages(RELEASE, pages, corrections=[correction])
    assert batch.rejected.is_empty()
    assert batch.accounting.filter(table_name="marks")["collapsed"].to_list() == [1]


def test_a_line_for_a_year_can_be_assigned_a_semester() -> None:
    page = replace(PLAIN, results_header=("Year", "Result"), results=(("2", "PASSED"),))
    pages = pages_of(page.body())
    correction = correct(clean_pages(RELEASE, pages), semester="4")
    batch = clean_pages(RELEASE, pages, corrections=[correction])
    assert batch.results.select("semester", "status").rows() == [(4, "PASSED")]


def test_a_missing_name_can_be_added() -> None:
    page = replace(PLAIN, personal=(PLAIN.personal[0], ("Name", "")))
    pages = pages_of(page.body())
    correction = correct(clean_pages(RELEASE, pages), name=" ZEBA  TESTWALA ")
    batch = clean_pages(RELEASE, pages, corrections=[correction])
    assert batch.appearances["name"].to_list() == ["ZEBA TESTWALA"]


def test_a_correction_must_pass_the_same_checks_as_a_page() -> None:
    pages = pages_of(with_mark("502", "X", "#REF!", "9", "A"))
    correction = correct(clean_pages(RELEASE, pages), credits="3", subject_name="A\0<b>")
    batch = clean_pages(RELEASE, pages, corrections=[correction])
    assert batch.rejected["reasons"].to_list() == [
        ["subject_name has characters that can't be displayed"]
    ]


@pytest.mark.parametrize(
    ("table_name", "changes", "complaint"),
    [
        ("marks", {"semester": "3"}, "has no field semester to correct. Its fields are"),
        ("pages", {"hall_ticket": TICKET}, "Fetch the page again instead"),
        ("results", {}, "needs a new value"),
    ],
)
def test_a_correction_of_an_unknown_field_is_refused(
    table_name: str, changes: dict[str, str], complaint: str
) -> None:
    with pytest.raises(CorrectionError, match=complaint):
        check_changes(table_name, changes)
