"""Damaged markup must not lose a row without a quarantine record."""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl
import pytest

from ouspark_assets.pages.cleaning import clean_pages
from ouspark_assets_tests.pages.page_builder import RELEASE, TICKET, ResultPage, pages_of

PLAIN = replace(
    ResultPage(),
    marks=tuple((str(501 + at), f"SUBJECT {at}", "3", "9", "A") for at in range(8)),
    results=tuple((str(at), "PROMOTED--", "-") for at in range(1, 6)),
)
BODY = PLAIN.body()
BEGIN, END = BODY.index(b'id="AutoNumber4"'), BODY.index(b"This information")


def positions(tag: bytes) -> list[int]:
    """Return the positions of a tag in the marks and result tables."""
    return [at for at in range(BEGIN, END) if BODY.startswith(tag, at)]


def pages_with_silently_lost_rows(bodies: Iterable[bytes]) -> list[bytes]:
    """Return the pages that have missing rows and no quarantine record."""
    pages = {f"160421733{serial:03d}": body for serial, body in enumerate(bodies)}
    asked = [
        (ticket, body.replace(TICKET.encode(), ticket.encode())) for ticket, body in pages.items()
    ]
    batch = clean_pages(RELEASE, pages_of(*asked))
    tickets = pl.DataFrame({"hall_ticket": list(pages)})
    for frame, rows in ((batch.marks, len(PLAIN.marks)), (batch.results, len(PLAIN.results))):
        whole = frame.group_by("hall_ticket").len().filter(pl.col("len") == rows)
        short = tickets.join(whole, on="hall_ticket", how="anti")
        silent = short.join(batch.rejected, on="hall_ticket", how="anti")
        if not silent.is_empty():
            return [pages[ticket] for ticket in silent["hall_ticket"]]
    return []


@pytest.mark.parametrize(
    "tag",
    [
        "<table>", '<table id="AutoNumber4">', '<table id="x">', "</table>", "<tr>", "</tr>",
        "<td>", "</td>", "<th>", "<tbody>", "</tbody>", "<form>", "<x>", "</x>", "<br>", "<p>",
        "<!--", "</html>", "</body>", "<script>", "<textarea>", "<select>", "<title>", "<b", "<",
        "&",
    ],
)  # fmt: skip
def test_an_inserted_tag_never_loses_a_row_silently(tag: str) -> None:
    every = [*positions(b"<tr>"), *positions(b"<td"), *positions(b"</td>")]
    assert pages_with_silently_lost_rows(BODY[:at] + tag.encode() + BODY[at:] for at in every) == []


@pytest.mark.parametrize("tag", ["<tr>", "</tr>", "<td", "</td>", "</table>", "<table", "<b>"])
def test_a_removed_tag_never_loses_a_row_silently(tag: str) -> None:
    every = positions(tag.encode())
    assert (
        pages_with_silently_lost_rows(BODY[:at] + BODY[BODY.index(b">", at) + 1 :] for at in every)
        == []
    )
