"""Whole pages: whether a page is a readable result page of the requested student."""

import json
from collections.abc import Sequence

import polars as pl
from lxml import etree

from ouspark_assets.domain.hall_tickets import is_hall_ticket
from ouspark_assets.pages.batch import REJECTED_SCHEMA
from ouspark_assets.pages.html_tables import decode_page, iterate_rows, parse_html
from ouspark_assets.pages.page_layout import BETWEEN
from ouspark_assets.pages.page_reader import MAX_PAGE_BYTES
from ouspark_assets.pages.printed_records import Page, make_fingerprint
from ouspark_assets.pages.vocabulary import SECTION_BY_TABLE_ID

NO_TICKET = "the page shows no hall ticket"
BROKEN_TICKET = "the page's hall ticket is not twelve digits"
OTHER_TICKET = "the page shows another hall ticket than the one asked for"
TWO_TICKETS = "the page shows two hall tickets"
MAX_EXCERPT_LENGTH, MAX_LISTED = 300, 10


def find_page_problems(page: Page) -> list[str]:
    """Return why nothing of the page can be used; empty for a page of the requested student."""
    problems = list(page.text.problems)
    if not page.text.headers and not page.text.labels:
        return problems
    tickets = set(page.text.tickets)
    if not tickets - {""}:
        problems.append(NO_TICKET)
    elif len(tickets) > 1:
        problems.append(TWO_TICKETS)
    elif not all(is_hall_ticket(ticket) for ticket in tickets):
        problems.append(BROKEN_TICKET)
    if tickets - {"", page.hall_ticket}:
        problems.append(OTHER_TICKET)
    return problems


def reject_pages(
    release: str, pages: Sequence[Page], problems: Sequence[list[str]], bodies: pl.Series
) -> pl.DataFrame:
    """Return a quarantine record for every page with problems: its hash and an excerpt."""
    records = [
        (
            release,
            page.hall_ticket,
            "pages",
            reasons,
            _raw(page, bodies[number]),
            make_fingerprint("pages", page.sha256),
        )
        for number, (page, reasons) in enumerate(zip(pages, problems, strict=True))
        if reasons
    ]
    return pl.DataFrame(records, schema=REJECTED_SCHEMA, orient="row")


def _raw(page: Page, body: bytes) -> str:
    headers = [
        f"{columns.section}: {BETWEEN.join(columns.header)}"[:MAX_EXCERPT_LENGTH]
        for columns in page.text.headers[:MAX_LISTED]
    ]
    tickets = [ticket[:MAX_EXCERPT_LENGTH] for ticket in page.text.tickets[:MAX_LISTED]]
    return json.dumps(
        {
            "sha256": page.sha256,
            "bytes": len(body),
            "hall_tickets": tickets,
            "labels": list(page.text.labels),
            "headers": headers,
            "excerpt": _excerpt(body),
        },
        ensure_ascii=False,
    )


def _excerpt(body: bytes) -> str:
    """Return the beginning of the page's text without the tables of personal details and results.

    Only single cells outside the known tables are included: they cannot hold a student's details.
    """
    if len(body) > MAX_PAGE_BYTES:
        return ""
    try:
        rows = iterate_rows(parse_html(decode_page(body)))
        text = " / ".join(
            cell
            for row in rows
            if row.table_id not in SECTION_BY_TABLE_ID and len(row.cells) == 1
            for cell in row.cells
            if cell
        )
    except (etree.LxmlError, ValueError):
        return ""
    return text[:MAX_EXCERPT_LENGTH]
