"""Whole pages: is this the asked student's result page, and can it be read at all?"""

import json
from collections.abc import Iterable, Sequence

import polars as pl
from lxml import etree

from ouspark_assets.domain.hall_tickets import is_hall_ticket
from ouspark_assets.pages.batch import REJECTED_SCHEMA
from ouspark_assets.pages.printed import Page, fingerprint_of
from ouspark_assets.pages.reading import LARGEST_PAGE
from ouspark_assets.pages.tables import Row, rows_of, tree_of
from ouspark_assets.pages.text import decoded
from ouspark_assets.pages.vocabulary import SECTION_BY_TABLE_ID

NO_TICKET = "the page shows no hall ticket"
BROKEN_TICKET = "the page's hall ticket is not twelve digits"
OTHER_TICKET = "the page shows another hall ticket than the one asked for"
TWO_TICKETS = "the page shows two hall tickets"
LONGEST_EXCERPT, MOST_SHOWN = 300, 10
LEAST_DETAIL_CELLS = 2


def page_reasons(page: Page) -> list[str]:
    """Why nothing of a page can be used; empty for a page of the asked student."""
    reasons = list(page.text.problems)
    if not page.text.headers and not page.text.labels:
        return reasons
    tickets = set(page.text.tickets)
    if not tickets - {""}:
        reasons.append(NO_TICKET)
    elif len(tickets) > 1:
        reasons.append(TWO_TICKETS)
    elif not all(is_hall_ticket(ticket) for ticket in tickets):
        reasons.append(BROKEN_TICKET)
    if tickets - {"", page.hall_ticket}:
        reasons.append(OTHER_TICKET)
    return reasons


def rejected_pages(
    release: str, bad: Sequence[tuple[Page, list[str]]], bodies: Iterable[bytes]
) -> pl.DataFrame:
    """The pages that go to quarantine as a whole: their hash and a glimpse, not their content."""
    return pl.DataFrame(
        [
            (
                release,
                page.hall_ticket,
                "pages",
                reasons,
                _raw(page, body),
                fingerprint_of("pages", page.sha256),
            )
            for (page, reasons), body in zip(bad, bodies, strict=True)
        ],
        schema=REJECTED_SCHEMA,
        orient="row",
    )


def _raw(page: Page, body: bytes) -> str:
    headers = [
        f"{it.section}: {' | '.join(it.header)}"[:LONGEST_EXCERPT]
        for it in page.text.headers[:MOST_SHOWN]
    ]
    return json.dumps(
        {
            "sha256": page.sha256,
            "bytes": len(body),
            "hall_tickets": [ticket[:LONGEST_EXCERPT] for ticket in page.text.tickets[:MOST_SHOWN]],
            "labels": list(page.text.labels),
            "headers": headers,
            "excerpt": _excerpt(body),
        },
        ensure_ascii=False,
    )


def _excerpt(body: bytes) -> str:
    """How the page begins, outside the tables that hold a student's details."""
    if len(body) > LARGEST_PAGE:
        return ""
    try:
        outside = (row for row in rows_of(tree_of(decoded(body))) if _is_outside(row))
        text = " / ".join(cell for row in outside for cell in row.cells if cell)
    except (etree.LxmlError, ValueError):
        return ""
    return text[:LONGEST_EXCERPT]


def _is_outside(row: Row) -> bool:
    """Whether a row can't hold a student's details: few cells, in no table known by id."""
    return row.table_id not in SECTION_BY_TABLE_ID and len(row.cells) < LEAST_DETAIL_CELLS
