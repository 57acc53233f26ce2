"""Every known variant of the university's pages gives exactly the expected records.

All pages are cleaned in one batch, each under its own hall ticket, and must not affect each
other.
"""

import json
from dataclasses import replace
from functools import cache

import polars as pl
import pytest

from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage, pages_of
from ouspark_assets_tests.pages.page_cases import CASES, Case, Rows

TICKETS = {case.name: f"160421733{serial:03d}" for serial, case in enumerate(CASES, 100)}


@cache
def clean_all_cases() -> CleanBatch:
    pages = [
        (TICKETS[case.name], case.body.replace(TICKET.encode(), TICKETS[case.name].encode()))
        for case in CASES
    ]
    return clean_pages(RELEASE, pages_of(*pages))


def rows_of(frame: pl.DataFrame, case: Case) -> Rows:
    of_case = frame.filter(hall_ticket=TICKETS[case.name])
    return of_case.drop("release", "hall_ticket", "sha256").rows()


def test_every_case_has_a_unique_name() -> None:
    assert len(TICKETS) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_variant_gives_exactly_the_expected_rows(case: Case) -> None:
    batch = clean_all_cases()
    assert rows_of(batch.marks, case) == case.marks
    assert rows_of(batch.results, case) == case.results
    assert rows_of(batch.appearances, case) == ([case.details] if case.details else [])
    rejected = batch.rejected.filter(hall_ticket=TICKETS[case.name])
    assert rejected.select("table_name", "reasons").rows() == case.rejected


def test_every_record_found_is_accepted_collapsed_or_quarantined() -> None:
    batch = clean_all_cases()
    for name, found, accepted, collapsed, quarantined in batch.accounting.rows():
        assert found == accepted + collapsed + quarantined, name
        assert quarantined == batch.rejected.filter(table_name=name).height
        assert name == "pages" or accepted == getattr(batch, name).height
    assert batch.accounting["collapsed"].sum() == sum(case.collapsed for case in CASES)


def test_a_rejected_record_contains_the_printed_cells() -> None:
    rejected = clean_all_cases().rejected
    assert rejected.height == sum(len(case.rejected) for case in CASES)
    for record in rejected.iter_rows(named=True):
        assert record["release"] == RELEASE
        assert all(record["reasons"])
        raw = json.loads(record["raw"])
        assert raw["sha256"] if record["table_name"] == "pages" else any(raw["cells"])


def test_rejected_records_of_a_ticket_have_different_fingerprints() -> None:
    rejected = clean_all_cases().rejected
    assert rejected.select("hall_ticket", "fingerprint").is_unique().all()


def rejected_tables(*results: tuple[str, str, str]) -> list[str]:
    page = replace(ResultPage(), results=results)
    return clean_pages(RELEASE, pages_of(page.body())).rejected["table_name"].to_list()


# A student may sit a passed subject again for a better grade. If that fails, the earlier pass
# remains valid, so an older semester can show an SGPA and a fail on the same page.
def test_an_older_semester_may_show_an_sgpa_and_a_failed_improvement() -> None:
    assert rejected_tables(("4", "COMPLETED-7.1", "-"), ("5", "PROMOTED-9.33", "-")) == []


def test_the_current_semester_may_not_show_an_sgpa_and_a_fail() -> None:
    assert rejected_tables(("4", "PASSED-7.1", "-")) == ["results"]
