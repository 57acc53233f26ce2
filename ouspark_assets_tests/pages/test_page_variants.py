"""Every variant and trap of the university's pages gives exactly the rows that it should.

The pages are cleaned together, each under a ticket of its own, so that none may touch another.
"""

import json
from functools import cache

import polars as pl
import pytest

from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets_tests.pages import (
    cases_of_marks,
    cases_of_pages,
    cases_of_results,
    cases_of_tables,
)
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, pages_of
from ouspark_assets_tests.pages.page_cases import Case, Rows

CASES = [
    *cases_of_tables.CASES,
    *cases_of_marks.CASES,
    *cases_of_results.CASES,
    *cases_of_pages.CASES,
]
TICKETS = {case.name: f"160421733{serial:03d}" for serial, case in enumerate(CASES, 100)}


@cache
def cleaned() -> CleanBatch:
    pages = [
        (TICKETS[case.name], case.body.replace(TICKET.encode(), TICKETS[case.name].encode()))
        for case in CASES
    ]
    return clean_pages(RELEASE, pages_of(*pages))


def rows_of(frame: pl.DataFrame, case: Case) -> Rows:
    of_case = frame.filter(hall_ticket=TICKETS[case.name])
    return of_case.drop("release", "hall_ticket", "sha256").rows()


def test_every_case_has_a_name_of_its_own() -> None:
    assert len(TICKETS) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_variant_gives_exactly_these_rows(case: Case) -> None:
    batch = cleaned()
    assert rows_of(batch.marks, case) == case.marks
    assert rows_of(batch.results, case) == case.results
    assert rows_of(batch.appearances, case) == ([case.details] if case.details else [])
    rejected = batch.rejected.filter(hall_ticket=TICKETS[case.name])
    assert rejected.select("table_name", "reasons").rows() == case.rejected


def test_what_is_found_is_accepted_or_collapsed_or_quarantined() -> None:
    batch = cleaned()
    for name, found, accepted, collapsed, quarantined in batch.accounting.rows():
        assert found == accepted + collapsed + quarantined, name
        assert quarantined == batch.rejected.filter(table_name=name).height
        assert name == "pages" or accepted == getattr(batch, name).height
    assert batch.accounting["collapsed"].sum() == sum(case.collapsed for case in CASES)


def test_a_rejected_record_says_what_was_printed() -> None:
    rejected = cleaned().rejected
    assert rejected.height == sum(len(case.rejected) for case in CASES)
    for record in rejected.iter_rows(named=True):
        assert record["release"] == RELEASE
        assert all(record["reasons"])
        raw = json.loads(record["raw"])
        assert raw["sha256"] if record["table_name"] == "pages" else any(raw["cells"])


def test_records_of_a_ticket_are_told_apart_by_their_fingerprints() -> None:
    rejected = cleaned().rejected
    assert rejected.select("hall_ticket", "fingerprint").is_unique().all()
