"""Extracts the same from result pages as OuSpark, with BeautifulSoup: details, marks, result lines.

Usage: `soup_parse.py PAGES PARSER COUNT`, where PAGES is a file of length-prefixed pages. Written
like public scrapers: tables by id, cells by position.
"""

import json
import re
import sys
import time
from pathlib import Path

from bs4 import BeautifulSoup, Tag

FILE, PARSER, COUNT = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
BLANKS = re.compile(r"[\s\xa0]+")
LENGTH_BYTES = 8
PERSONAL_CELLS = 4


def pages() -> list[bytes]:
    """Return the first pages of the file."""
    data, at = FILE.read_bytes(), 0
    found: list[bytes] = []
    while at < len(data) and len(found) < COUNT:
        size = int.from_bytes(data[at : at + LENGTH_BYTES], "big")
        found.append(data[at + LENGTH_BYTES : at + LENGTH_BYTES + size])
        at += LENGTH_BYTES + size
    return found


def rows(page: BeautifulSoup, table_id: str) -> list[list[str]]:
    """Return the texts of a table, row by row."""
    table = page.find("table", id=table_id)
    if not isinstance(table, Tag):
        return []
    return [
        [BLANKS.sub(" ", cell.get_text()).strip() for cell in row.find_all("td", recursive=False)]
        for row in table.find_all("tr")
    ]


def extract(body: bytes) -> tuple[dict[str, str], list[dict[str, str]], list[list[str]]]:
    """Return details, marks by heading, and result lines."""
    page = BeautifulSoup(body.decode("cp1252"), PARSER)
    personal = [row for row in rows(page, "AutoNumber3") if len(row) == PERSONAL_CELLS]
    details = {row[at]: row[at + 1] for row in personal for at in (0, 2)}
    _, headings, *marks = rows(page, "AutoNumber4") or [[], []]
    results = [row for row in rows(page, "AutoNumber5")[2:] if row and row[0]]
    return details, [dict(zip(headings, row, strict=False)) for row in marks], results


bodies = pages()
started = time.process_time()
taken = [extract(body) for body in bodies]
seconds = time.process_time() - started
result = {
    "seconds": seconds,
    "pages": len(taken),
    "marks": sum(len(marks) for _, marks, _ in taken),
    "results": sum(len(results) for _, _, results in taken),
}
sys.stdout.write(json.dumps(result) + "\n")
