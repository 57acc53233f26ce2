"""The sentence of a page without a result: the lines of a page, and which of them say something.

Bytes and lines in, text out. Whether the answer counts is decided in `sources/results_site/`.
"""

import re
from collections.abc import Collection, Iterable

from lxml import etree
from parsel.selector import create_root_node

from ouspark_assets.pages.headers import has_digit
from ouspark_assets.pages.html_tables import (
    BLOCKS,
    WRAPPERS,
    decode_page,
    iterate_rows,
    normalize_text,
    parse_html,
)
from ouspark_assets.pages.page_reader import MAX_PAGE_BYTES, MIN_RECORD_CELLS
from ouspark_assets.schemas.fields import MAX_SENTENCE_LENGTH, UNPRINTABLE

# Elements whose text is not shown, or is that of a button.
WITHOUT_LINES = ("head", "title", "script", "style", "noscript", "select", "button", "textarea")
INLINE = tuple(tag for tag in WRAPPERS if tag not in (*BLOCKS, "form"))
# A page with one of these words shows a student's record, in whatever layout.
RECORD_WORDS = (
    "sub code", "subject name", "grade points", "grade secured", "marks details",
    "personal details", "sgpa", "father's name",
)  # fmt: skip
HIDDEN_TICKET = "…"

_DIGITS = re.compile(r"\d+")
_HALL_TICKET = re.compile(r"(?<!\d)(\d{4})[ -]?(\d{2})[ -]?(\d{3})[ -]?(\d{3})(?!\d)")
# The search box, which is on every page: its label, and the line with examples of hall tickets.
_SEARCH_BOX = re.compile(
    r"\benter\b.*\bhall\s?ticket|^\W*hall\s?ticket\s*(?:no|number)?[\s.:]*$|\b12[\s-]*digit"
    r"|\bex(?:ample)?\s*[.:]",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:date\W*)?\d{1,2}[-/. ]\w{1,9}[-/., ]+\d{2,4}", re.IGNORECASE)
_TICKET_OR_DATE = re.compile(rf"{_HALL_TICKET.pattern}|{_DATE.pattern}", re.IGNORECASE)
_UNPRINTABLE = re.compile(f"[{UNPRINTABLE}]")
_WORD = re.compile(r"[^\W\d_]{3}")
# The title of an examination, for as long as no other page of the release is known.
_TITLE = re.compile(
    r"^\W*(?:osmania university|b\.?\s?e\b)|\b(?:cbcs|aicte)\b.*\b(?:sem|exam|result)"
    r"|\bexam\w*\b.*\bresults?\b",
    re.IGNORECASE,
)


def read_lines(body: bytes) -> tuple[str, ...]:
    """Return the visible lines of a page; none if it can't be read."""
    if len(body) > MAX_PAGE_BYTES:
        return ()
    try:
        root = create_root_node(decode_page(body), etree.HTMLParser)
        root.extend(list(root.itersiblings()))
        etree.strip_elements(root, etree.Comment, *WITHOUT_LINES, with_tail=False)
        etree.strip_tags(root, *INLINE)
        return tuple(line for text in root.itertext() if (line := normalize_text(text)))
    except (etree.LxmlError, ValueError):
        return ()


def shows_record(body: bytes) -> bool:
    """Return whether a page shows a student's record, be it in an unknown layout."""
    try:
        rows = list(iterate_rows(parse_html(decode_page(body))))
    except (etree.LxmlError, ValueError):
        return True
    text = " ".join(read_lines(body)).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return any(word in text for word in RECORD_WORDS) or any(
        len(cells) >= MIN_RECORD_CELLS and any(map(has_digit, cells))
        for row in rows
        # A row with the hall ticket, the date and a sentence is not a record.
        for cells in [[cell for cell in row.cells if cell and not _TICKET_OR_DATE.fullmatch(cell)]]
    )


def line_keys(lines: Iterable[str]) -> frozenset[str]:
    """Return the lines for comparison with another page: as they are, and without their numbers.

    A counter of visitors or a time does not make two lines different.
    """
    return frozenset(key for line in lines for key in (line.casefold(), _without_numbers(line)))


def find_sentence(lines: Iterable[str], on_other_pages: Collection[str] = ()) -> str | None:
    """Return what a page says apart from the search box, its date and the lines of other pages.

    `on_other_pages` are the keys of the lines of an ordinary page of the same release. Without one,
    the title of the examination is recognised by its words. None if nothing is left, as on the bare
    form, or far more than a sentence.
    """
    said = [
        line
        for line in lines
        if _WORD.search(line)
        and not _SEARCH_BOX.search(line)
        and not _DATE.fullmatch(line)
        and _without_numbers(line) not in on_other_pages
        and (on_other_pages or not _TITLE.search(line))
    ]
    sentence = " ".join(_UNPRINTABLE.sub(" ", " ".join(said)).split())
    return sentence if 0 < len(sentence) <= MAX_SENTENCE_LENGTH else None


def find_tickets(lines: Iterable[str], on_other_pages: Collection[str] = ()) -> set[str]:
    """Return the hall tickets that a page names, apart from the examples of the search box."""
    return {
        "".join(found.groups())
        for line in lines
        if not _SEARCH_BOX.search(line) and line.casefold() not in on_other_pages
        for found in _HALL_TICKET.finditer(line)
    }


def hide_tickets(sentence: str) -> str:
    """Return the sentence without hall tickets, so that equal sentences can be counted."""
    return _HALL_TICKET.sub(HIDDEN_TICKET, sentence)


def _without_numbers(line: str) -> str:
    return _DIGITS.sub("#", line.casefold())
