"""Damage to the markup of rows and cells must not lose a row without a word."""

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


def places(tag: bytes) -> list[int]:
    """Where a tag stands in the marks and the result."""
    return [at for at in range(BEGIN, END) if BODY.startswith(tag, at)]


def lost_without_a_word(bodies: Iterable[bytes]) -> list[bytes]:
    """The pages of which rows are missing and nothing is in quarantine."""
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
def test_a_tag_too_many_never_loses_a_row_silently(tag: str) -> None:
    every = [*places(b"<tr>"), *places(b"<td"), *places(b"</td>")]
    assert lost_without_a_word(BODY[:at] + tag.encode() + BODY[at:] for at in every) == []


@pytest.mark.parametrize("tag", ["<tr>", "</tr>", "<td", "</td>", "</table>", "<table", "<b>"])
def test_a_tag_too_few_never_loses_a_row_silently(tag: str) -> None:
    every = places(tag.encode())
    assert lost_without_a_word(BODY[:at] + BODY[BODY.index(b">", at) + 1 :] for at in every) == []
