"""From a page's text to its table rows: cells in document order, each with its own text alone.

Knows HTML and its usual damage, knows nothing of results.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lxml import etree
from parsel import Selector
from parsel.selector import create_root_node

from ouspark_assets.pages.text import normalised

CELLS = frozenset({"td", "th"})
ROW_GROUPS = frozenset({"tbody", "thead", "tfoot"})
BLOCKS = ("br", "p", "div", "center")
SILENT = frozenset({"script", "style"})
# Taken out before reading, their text left in place: one pass of libxml2, not a walk per cell.
WRAPPERS = (
    *BLOCKS, "a", "b", "big", "em", "font", "form", "i", "small", "span", "strong", "u",
)  # fmt: skip
MOST_COLUMNS = 20


class Row(NamedTuple):
    """A table row: where it lies, the id of its table, its cells' texts."""

    container: etree._Element
    table_id: str
    cells: tuple[str, ...]
    elements: list[etree._Element]


def tree_of(text: str) -> etree._Element:
    """The root of the page's tree, reduced to tables and text."""
    # Plain elements: those of lxml.html, parsel's default, cost a Python call each (15 % in all).
    root: etree._Element = Selector(root=create_root_node(text, etree.HTMLParser)).root
    # What follows </html> is beside the root; nothing that a page says may go unseen.
    root.extend(list(root.itersiblings()))
    for block in root.iter(*BLOCKS):
        block.tail = f" {block.tail or ''}"
    etree.strip_tags(root, *WRAPPERS)
    return root


def rows_of(root: etree._Element) -> Iterator[Row]:
    """Every table row of the page in document order, nested tables' rows after their host's."""
    parent = container = root
    table_id = ""
    for above, elements in _rows(root):
        if above is not parent:
            parent = above
            container = _container(above)
            table_id = (container.get("id") or "").casefold()
        cells = tuple([_text(cell) for cell in elements])
        yield Row(container, table_id, cells, elements)


def _rows(root: etree._Element) -> Iterable[tuple[etree._Element, list[etree._Element]]]:
    """What each row lies in, and its cells; cells that lost their row have one, as in browsers."""
    rows: dict[etree._Element, tuple[etree._Element, list[etree._Element]]] = {}
    astray: list[etree._Element] = []
    for element in root.iter("tr", "td", "th"):
        above = element.getparent()
        if above is None:
            continue
        if element.tag == "tr":
            rows[element] = (above, [])
        elif above in rows:
            rows[above][1].append(element)
        elif astray and element.getprevious() is astray[-1]:
            astray.append(element)
        else:
            astray = [element]
            rows[element] = (above, astray)
    return rows.values()


def spread(row: Row) -> tuple[str, ...]:
    """The cells of a row with blanks in the columns that a wide cell covers as well."""
    cells: list[str] = []
    for text, element in zip(row.cells, row.elements, strict=True):
        cells += [text, *[""] * (span(element) - 1)]
    return tuple(cells)


def span(cell: etree._Element) -> int:
    """How many columns a cell covers."""
    printed = (cell.get("colspan") or "").strip()
    return min(int(printed), MOST_COLUMNS) if _is_count(printed) else 1


def _is_count(text: str) -> bool:
    return (
        text.isascii() and text.isdigit() and len(text) < len(str(MOST_COLUMNS)) + 1 and text > "0"
    )


def _container(above: etree._Element) -> etree._Element:
    while above.tag in ROW_GROUPS:
        further = above.getparent()
        if further is None:
            break
        above = further
    return above


def _text(cell: etree._Element) -> str:
    text = cell.text if len(cell) == 0 else _own_text(cell)
    return normalised(text) if text else ""


def _own_text(cell: etree._Element) -> str:
    """The text of a cell without that of tables nested in it, which have rows of their own."""
    parts = [cell.text or ""]
    waiting: list[etree._Element | str] = _reversed_content(cell)
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
        elif isinstance(item.tag, str) and item.tag not in SILENT and not _is_structure(item.tag):
            parts.append(item.text or "")
            waiting += _reversed_content(item)
    return "".join(parts)


def _reversed_content(element: etree._Element) -> list[etree._Element | str]:
    content: list[etree._Element | str] = []
    for child in reversed(element):
        content += [child.tail or "", child]
    return content


def _is_structure(tag: str) -> bool:
    return tag in ("table", "tr") or tag in CELLS or tag in ROW_GROUPS
