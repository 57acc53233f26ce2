"""What reading makes of a page: frozen records of texts as printed, nothing interpreted yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ouspark_assets.pages.vocabulary import Section


@dataclass(frozen=True, slots=True)
class Columns:
    """A header row: which column feeds which field, and which columns nothing knows."""

    section: Section
    header: tuple[str, ...]
    index: Mapping[str, int]
    strangers: tuple[int, ...]
    missing: tuple[str, ...]
    # Unknown headers with digits: a data row has run into the header row.
    mixed: bool
    # The last column that a row can't do without.
    needed: int


class RowText(NamedTuple):
    """A data row under its header; `problem` says why it can't be assigned to the columns."""

    columns: Columns
    cells: tuple[str, ...]
    problem: str | None = None

    def field(self, name: str) -> str:
        """The text of a field, blank when the table has no such column."""
        at = self.columns.index.get(name, -1)
        return self.cells[at] if 0 <= at < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class PageText:
    """A page taken apart."""

    tickets: tuple[str, ...]
    labels: tuple[str, ...]
    personal: Mapping[str, str]
    # Every cell of the personal details, known or not.
    details: tuple[str, ...]
    headers: tuple[Columns, ...]
    marks: tuple[RowText, ...]
    results: tuple[RowText, ...]
    # Places of non-empty cells that no field took.
    unread: tuple[str, ...]
    # Texts that stand where a label would, and are none: shown only when many pages share them.
    strange_labels: tuple[str, ...]
    # What makes the page as a whole unusable, whoever's it is.
    problems: tuple[str, ...]
