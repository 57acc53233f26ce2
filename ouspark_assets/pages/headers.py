"""Header rows: which column feeds which field, and fitting the cells of a row to the columns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from ouspark_assets.pages.html_tables import Row, spread_cells
from ouspark_assets.pages.vocabulary import (
    FIELD_BY_HEADER,
    MARKS_INSTEAD_OF_GRADES,
    REQUIRED_HEADERS,
    Section,
    label_key,
)

# A row with one known header may be a subject or a title; a row with two is a header row.
MIN_KNOWN_HEADERS = 2
MAX_HEADER_LENGTH = 100
TOO_FEW_CELLS = "the row has fewer cells than its header"
TOO_MANY_CELLS = "the row has more cells than its header"
MARKS_NOT_GRADES = "the page shows marks instead of grades, as before CBCS"

HEADER_KEYS = frozenset(key for fields in FIELD_BY_HEADER.values() for key in fields)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a header row defines."""

    section: Section
    header: tuple[str, ...]
    # Field name → column number.
    index: Mapping[str, int]
    # Numbers of the columns that belong to no field.
    unknown: tuple[int, ...]
    # Names of the required columns that are absent.
    missing: tuple[str, ...]
    # Whether an unknown header has digits: a data row has run into the header row.
    mixed: bool
    # Number of the last required column.
    last_required: int


class RowText(NamedTuple):
    """A data row and its columns; `problem` says why its cells do not fit the columns."""

    columns: Columns
    cells: tuple[str, ...]
    problem: str | None = None


def match_columns(cells: tuple[str, ...]) -> Columns | None:
    """Return the columns that a header row defines; None if the row is not a header row."""
    return _match_columns(tuple([cell[:MAX_HEADER_LENGTH] for cell in cells]))


@lru_cache(maxsize=256)
def _match_columns(cells: tuple[str, ...]) -> Columns | None:
    keys = [label_key(cell) for cell in cells]
    known = {
        section: len(FIELD_BY_HEADER[section].keys() & set(keys))
        for section in (Section.MARKS, Section.RESULTS)
    }
    section = max(known, key=lambda section: known[section])
    return _make_columns(section, cells, keys) if known[section] >= MIN_KNOWN_HEADERS else None


def unknown_columns(section: Section, cells: tuple[str, ...]) -> Columns:
    """Return the columns of a table whose header row has too few known headers."""
    columns = _make_columns(section, cells, [label_key(cell) for cell in cells])
    return replace(columns, unknown=())


def shows_marks(cells: tuple[str, ...]) -> bool:
    """Return whether the header row is one from before letter grades, with marks."""
    fields = FIELD_BY_HEADER[Section.MARKS]
    keys = [label_key(cell) for cell in cells]
    return any(MARKS_INSTEAD_OF_GRADES in key for key in keys) and not any(
        fields.get(key) == "grade" for key in keys
    )


def fit_row(columns: Columns, row: Row) -> RowText:
    """Return the row with one cell per column, or with the reason why it does not fit."""
    cells, width = row.cells, len(columns.header)
    if len(cells) == width:
        return RowText(columns, cells)
    cells = spread_cells(row)
    if len(cells) > width and not any(cells[width:]):
        return RowText(columns, cells[:width])
    if len(cells) > width:
        return RowText(columns, cells, TOO_MANY_CELLS)
    if len(cells) <= columns.last_required:
        return RowText(columns, cells, TOO_FEW_CELLS)
    return RowText(columns, cells + ("",) * (width - len(cells)))


def has_digit(text: str) -> bool:
    """Return whether the text has a digit, which every record has and no header does."""
    return any(char.isdigit() for char in text)


def _make_columns(section: Section, cells: tuple[str, ...], keys: list[str]) -> Columns:
    fields = FIELD_BY_HEADER[section]
    index: dict[str, int] = {}
    for number, key in enumerate(keys):
        if key in fields:
            index.setdefault(fields[key], number)
    unknown = tuple(number for number in range(len(cells)) if number not in index.values())
    required = REQUIRED_HEADERS[section]
    required_numbers = [
        index[field] for group in required.values() for field in group if field in index
    ]
    return Columns(
        section=section,
        header=cells,
        index=MappingProxyType(index),
        unknown=unknown,
        missing=tuple(name for name, group in required.items() if not index.keys() & set(group)),
        mixed=any(has_digit(cells[number]) for number in unknown),
        last_required=max(required_numbers, default=0),
    )
