"""HTML to table rows: decoding a page, its rows in document order, and the text of each cell.

Handles the usual damage of HTML and of character encodings. What a text means is decided in
`page_reader.py` and after it.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lxml import etree
from parsel.selector import create_root_node

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# The characters of Windows-1252 where ISO-8859-1 has control characters. Five bytes are undefined
# in Windows-1252 and stay as they are.
_WINDOWS_1252 = {
    byte: bytes([byte]).decode("cp1252")
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
# Longer than the limit of any column. Composing a run of combining marks takes time quadratic in
# its length.
MAX_COMPOSED_LENGTH = 2_000
_ENTITY = re.compile(r"&#?\w{1,31};")

ROW_GROUPS = frozenset({"tbody", "thead", "tfoot"})
BLOCKS = ("br", "p", "div", "center")
# Elements within a cell whose text is not that of the cell: nested tables and invisible text.
WITHOUT_OWN_TEXT = ROW_GROUPS | {"table", "tr", "td", "th", "script", "style"}
# Elements that are removed before reading while their text stays: one pass of libxml2 instead of a
# walk through every cell.
WRAPPERS = (
    *BLOCKS, "a", "b", "big", "em", "font", "form", "i", "small", "span", "strong", "u",
)  # fmt: skip
MAX_COLSPAN, MAX_COLSPAN_DIGITS = 20, 2


class Row(NamedTuple):
    """A table row: the element that contains it, the id of its table, and its cells."""

    container: etree._Element
    table_id: str
    cells: tuple[str, ...]
    elements: list[etree._Element]


def decode_page(body: bytes) -> str:
    """Return the page as text: UTF-8 if all bytes are valid, else Windows-1252, without NUL."""
    if body.isascii():
        text = body.decode("ascii")
    else:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = body.decode("iso-8859-1").translate(_WINDOWS_1252)
    return text.replace("\0", REPLACEMENT)


def normalize_text(text: str) -> str:
    """Return the text in NFKC, with entities resolved and each run of white space as one blank.

    Texts longer than `MAX_COMPOSED_LENGTH` are not composed.
    """
    text = " ".join(text.split())
    if "&" in text and ";" in text:
        # Some pages escape twice, so that `&amp;amp;` arrives here as `&amp;`. Without a semicolon
        # it is not an entity: "M&LT" does not contain a less-than sign.
        text = " ".join(_ENTITY.sub(lambda entity: html.unescape(entity[0]), text).split())
    if len(text) <= MAX_COMPOSED_LENGTH and not text.isascii():
        text = " ".join(unicodedata.normalize("NFKC", text).split())
    return text


def parse_html(text: str) -> etree._Element:
    """Return the root of the page's tree, reduced to tables and text."""
    # The elements of lxml.html, parsel's default, cost a Python call each: 15 % of the total time.
    root: etree._Element = create_root_node(text, etree.HTMLParser)
    # libxml2 puts what follows </html> next to the root. It must be read like the rest.
    root.extend(list(root.itersiblings()))
    for block in root.iter(*BLOCKS):
        block.tail = f" {block.tail or ''}"
    etree.strip_tags(root, *WRAPPERS)
    return root


def iterate_rows(root: etree._Element) -> Iterator[Row]:
    """Yield every table row in document order; rows of a nested table follow their host's row.

    The tree is walked by hand because parsel's selectors are too slow here: one `css()` per table,
    row and cell reads 190 pages a second, this walk 1,130 (one core, a page with 40 marks rows).
    """
    parent = container = root
    table_id = ""
    for above, elements in _group_cells(root):
        if above is not parent:
            parent = above
            container = above
            while container.tag in ROW_GROUPS and (further := container.getparent()) is not None:
                container = further
            table_id = (container.get("id") or "").casefold()
        texts = [cell.text if len(cell) == 0 else _own_text(cell) for cell in elements]
        cells = tuple([normalize_text(text) if text else "" for text in texts])
        yield Row(container, table_id, cells, elements)


def _group_cells(root: etree._Element) -> Iterable[tuple[etree._Element, list[etree._Element]]]:
    """Return the parent and the cells of each row.

    Adjacent cells outside a row are grouped into a row of their own, as browsers do.
    """
    rows: dict[etree._Element, tuple[etree._Element, list[etree._Element]]] = {}
    stray: list[etree._Element] = []
    for element in root.iter("tr", "td", "th"):
        above = element.getparent()
        if above is None:
            continue
        if element.tag == "tr":
            rows[element] = (above, [])
        elif above in rows:
            rows[above][1].append(element)
        elif stray and element.getprevious() is stray[-1]:
            stray.append(element)
        else:
            stray = [element]
            rows[element] = (above, stray)
    return rows.values()


def spread_cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a row, with a blank for every further column that a wide cell covers."""
    cells: list[str] = []
    for text, element in zip(row.cells, row.elements, strict=True):
        cells += [text, *[""] * (column_span(element) - 1)]
    return tuple(cells)


def column_span(cell: etree._Element) -> int:
    """Return how many columns a cell covers, at most `MAX_COLSPAN`; 1 if `colspan` is invalid."""
    printed = (cell.get("colspan") or "").strip()
    is_number = printed.isascii() and printed.isdigit() and printed > "0"
    if not is_number or len(printed) > MAX_COLSPAN_DIGITS:
        return 1
    return min(int(printed), MAX_COLSPAN)


def _own_text(cell: etree._Element) -> str:
    """Return the text of a cell without that of nested tables, which have rows of their own."""
    parts = [cell.text or ""]
    waiting: list[etree._Element | str] = _reversed_content(cell)
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
        elif isinstance(item.tag, str) and item.tag not in WITHOUT_OWN_TEXT:
            parts.append(item.text or "")
            waiting += _reversed_content(item)
    return "".join(parts)


def _reversed_content(element: etree._Element) -> list[etree._Element | str]:
    content: list[etree._Element | str] = []
    for child in reversed(element):
        content += [child.tail or "", child]
    return content
