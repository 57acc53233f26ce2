"""Hostile pages are quarantined or stored as harmless text."""

import json
from dataclasses import replace

import pytest

from ouspark_assets.pages.batch import CleanBatch
from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets.pages.page_reader import MAX_PAGE_BYTES, read_page
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage, pages_of

PLAIN = ResultPage()
UNDISPLAYABLE = "subject_name has characters that can't be displayed"


def with_subject(name: str) -> bytes:
    return replace(PLAIN, marks=(*PLAIN.marks, ("502", name, "3", "9", "A"))).body()


def clean(body: bytes) -> CleanBatch:
    return clean_pages(RELEASE, pages_of(body))


@pytest.mark.parametrize(
    "name",
    [
        "A\0B",
        "A&#0;B",
        "A&#x202E;B",
        "A&#x200B;B",
        "A\x01B",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "A&#xFFFD;B",
        "A&#xFEFF;B",
        "A&#xE000;B",
    ],
)
def test_only_the_row_with_undisplayable_text_is_quarantined(name: str) -> None:
    batch = clean(with_subject(name))
    assert batch.rejected.select("table_name", "reasons").rows() == [("marks", [UNDISPLAYABLE])]
    assert batch.marks.height == len(PLAIN.marks)
    assert "\0" not in batch.rejected["raw"][0]


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE clean.marks; --", "${jndi:ldap://x}", "=1+1", "%s %(x)s", "\\copy"]
)
def test_injected_code_is_stored_as_plain_text(name: str) -> None:
    assert name in clean(with_subject(name)).marks["subject_name"].to_list()


def test_a_huge_cell_is_quarantined_with_an_excerpt() -> None:
    batch = clean(with_subject("X" * 500_000))
    assert batch.rejected["reasons"].to_list() == [
        ["subject_name does not have 0 to 200 characters"]
    ]
    assert len(batch.rejected["raw"][0]) < 5_000
    assert batch.marks.height == len(PLAIN.marks)


@pytest.mark.parametrize(
    "body",
    [
        b"\0" * 1_000,
        b"<table>" * 140_000,
        b"<table><tr><td>" * 60_000,
        b"<table><tr><td><x>" * 50_000,
        b"<b>" * 300_000,
        b"<table><tr><td>" + b"<x>a" * 200_000,
        b"<table><tr>" + b"<td>" * 240_000,
        b"<table id=AutoNumber4><tr><td>Sub Code<td>Credits" + b"<tr><td>1<td>2" * 60_000,
        b"<!-- only a comment -->",
        b"<?xml version='1.0'?>",
        b"&" * 900_000,
        PLAIN.body().decode().encode("utf-16"),
        b"a" * (MAX_PAGE_BYTES + 1),
    ],
    ids=range(13),
)
def test_an_answer_that_is_not_a_result_page_is_quarantined_as_a_whole(body: bytes) -> None:
    batch = clean(body)
    assert batch.rejected["table_name"].to_list() == ["pages"]
    assert batch.marks.is_empty()
    assert len(batch.rejected["raw"][0]) < 5_000


def test_an_absurd_colspan_does_not_cause_a_failure() -> None:
    body = with_subject("X").replace(b'<td align="center"', b'<td colspan="99999999999999999999"')
    assert clean(body).marks.height == len(PLAIN.marks) + 1


def test_the_example_ticket_of_the_search_box_is_not_read_as_the_students_ticket() -> None:
    assert read_page(PLAIN.body()).tickets == (TICKET,)


def test_the_quarantine_record_of_another_students_page_has_no_personal_data() -> None:
    body = PLAIN.body().replace(TICKET.encode(), b"160421733999")
    batch = clean(body)
    assert batch.rejected["table_name"].to_list() == ["pages"]
    raw = batch.rejected["raw"][0]
    assert "TESTWALA" not in raw
    assert "160421733999" not in json.loads(raw)["excerpt"]


def test_content_after_the_end_of_the_page_is_read() -> None:
    other = PLAIN.body().replace(TICKET.encode(), b"160421733999")
    reasons = clean(PLAIN.body() + other).rejected["reasons"][0]
    assert "the page shows two hall tickets" in reasons


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp1252", "iso-8859-1"])
def test_the_charset_of_a_page_is_detected_from_its_bytes(charset: str) -> None:
    personal = (PLAIN.personal[0], ("Name", "ZOË TESTWALA"), *PLAIN.personal[2:])
    batch = clean(replace(PLAIN, personal=personal, charset=charset).body())
    assert batch.appearances["name"].to_list() == ["ZOË TESTWALA"]
