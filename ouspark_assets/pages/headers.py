"""Header rows: which column is which, by header text, and how a row of cells fits under them."""

from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from ouspark_assets.pages.records import Columns, RowText
from ouspark_assets.pages.tables import Row, spread
from ouspark_assets.pages.vocabulary import (
    FIELD_BY_HEADER,
    MARKS_INSTEAD_OF_GRADES,
    REQUIRED_HEADERS,
    Section,
    label_key,
)

# One word alone may be a subject or a title; two headers in one row are a header row.
LEAST_HEADERS = 2
LONGEST_HEADER = 100
TOO_FEW_CELLS = "the row has fewer cells than its header"
TOO_MANY_CELLS = "the row has more cells than its header"
MARKS_NOT_GRADES = "the page shows marks instead of grades, as before CBCS"

HEADER_KEYS = frozenset(key for fields in FIELD_BY_HEADER.values() for key in fields)


def columns_of(cells: tuple[str, ...]) -> Columns | None:
    """What a header row says about its columns; None for any other row."""
    return _columns_of(tuple([cell[:LONGEST_HEADER] for cell in cells]))


@lru_cache(maxsize=256)
def _columns_of(cells: tuple[str, ...]) -> Columns | None:
    keys = [label_key(cell) for cell in cells]
    section = max(Section.MARKS, Section.RESULTS, key=lambda it: _known(keys, it))
    if _known(keys, section) < LEAST_HEADERS:
        return None
    return _columns(section, cells, keys)


def strange_columns(section: Section, cells: tuple[str, ...]) -> Columns:
    """The columns of a table whose header row has no known word."""
    columns = _columns(section, cells, [label_key(cell) for cell in cells])
    return replace(columns, strangers=())


def shows_marks(cells: tuple[str, ...]) -> bool:
    """Whether a header row belongs to the marks tables from before letter grades."""
    fields = FIELD_BY_HEADER[Section.MARKS]
    keys = [label_key(cell) for cell in cells]
    return any(MARKS_INSTEAD_OF_GRADES in key for key in keys) and not any(
        fields.get(key) == "grade" for key in keys
    )


def row_under(columns: Columns, row: Row) -> RowText:
    """A data row with one cell per column, or with what keeps it from having that."""
    cells, width = row.cells, len(columns.header)
    if len(cells) == width:
        return RowText(columns, cells)
    cells = spread(row)
    if len(cells) > width and not any(cells[width:]):
        return RowText(columns, cells[:width])
    if len(cells) > width:
        return RowText(columns, cells, TOO_MANY_CELLS)
    if len(cells) <= columns.needed:
        return RowText(columns, cells, TOO_FEW_CELLS)
    return RowText(columns, cells + ("",) * (width - len(cells)))


def has_digit(text: str) -> bool:
    """Whether a text has a digit, which no header has and every record does."""
    return any(char.isdigit() for char in text)


def _columns(section: Section, cells: tuple[str, ...], keys: list[str]) -> Columns:
    fields = FIELD_BY_HEADER[section]
    index: dict[str, int] = {}
    for at, key in enumerate(keys):
        if key in fields:
            index.setdefault(fields[key], at)
    taken = set(index.values())
    required = REQUIRED_HEADERS[section]
    missing = [name for name, group in required.items() if not index.keys() & set(group)]
    needed = [index[field] for group in required.values() for field in group if field in index]
    return Columns(
        section=section,
        header=cells,
        index=MappingProxyType(index),
        strangers=tuple(at for at in range(len(cells)) if at not in taken),
        missing=tuple(missing),
        mixed=any(has_digit(cells[at]) for at in range(len(cells)) if at not in taken),
        needed=max(needed, default=0),
    )


def _known(keys: list[str], section: Section) -> int:
    return len(FIELD_BY_HEADER[section].keys() & set(keys))
