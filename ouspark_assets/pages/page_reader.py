"""Reading one page: bytes in, a `PageText` out, whatever the bytes are; no exception.

Finds the tables, labels and rows of the page. What their texts mean is decided in `cleaning.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from ouspark_assets.pages.headers import (
    HEADER_KEYS,
    MARKS_NOT_GRADES,
    Columns,
    RowText,
    fit_row,
    has_digit,
    match_columns,
    shows_marks,
    unknown_columns,
)
from ouspark_assets.pages.html_tables import (
    Row,
    column_span,
    decode_page,
    iterate_rows,
    parse_html,
)
from ouspark_assets.pages.vocabulary import (
    FIELD_BY_LABEL,
    FOOTER,
    LAST_LINE,
    SEARCH_BOX_ID,
    SECTION_BY_TABLE_ID,
    TITLES,
    Section,
    label_key,
)

# A result page has about 10 kB. A hundred times that is not a result page.
MAX_PAGE_BYTES = 1_000_000
# A student has about sixty rows of five cells, and every row is stored with its whole header.
MAX_ROWS, MAX_CELLS = 2_000, 60
MIN_RECORD_CELLS = 3
TOO_LARGE = "the page is far too large for a result page"
UNREADABLE = "the page can't be read as HTML"
NOT_FOUND = "the page says that the hall ticket is not found"
NO_CHANGE = "the page says that revaluation changed nothing"
NO_RESULT = "the page is not a result page: it has none of the result tables"
NO_PERSONAL = "the page has no personal details"
NO_MARKS = "the page has no marks table"
NO_RESULTS = "the page has no result table"
NO_ROWS = "the page has neither marks rows nor semester lines"
TRUNCATED = "the page is truncated"
TOO_MANY_ROWS = "the page has far too many table rows for a result page"
TOO_MANY_CELLS = "the page has a table row with far too many cells for a result page"
STRAY_ROWS = "the page has rows outside its tables"


@dataclass(frozen=True, slots=True)
class PageText:
    """The texts of a page as printed, by table; nothing is interpreted yet."""

    tickets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    # Field name → printed value.
    personal: Mapping[str, str] = field(default_factory=dict)
    # Every cell of the personal details, known or not.
    details: tuple[str, ...] = ()
    headers: tuple[Columns, ...] = ()
    marks: tuple[RowText, ...] = ()
    results: tuple[RowText, ...] = ()
    # Places of the non-empty cells that no field read.
    unread: tuple[str, ...] = ()
    # Unknown texts where a label is expected. They are shown only if many pages share them.
    strange_labels: tuple[str, ...] = ()
    # Why the page as a whole is unusable, apart from whose page it is.
    problems: tuple[str, ...] = ()


def read_page(body: bytes) -> PageText:
    """Return the texts of the page and the problems that make it unusable as a whole."""
    if len(body) > MAX_PAGE_BYTES:
        return PageText(problems=(TOO_LARGE,))
    text = decode_page(body)
    try:
        reader = _PageReader()
        for number, row in enumerate(iterate_rows(parse_html(text))):
            if number == MAX_ROWS:
                return PageText(problems=(TOO_MANY_ROWS,))
            if len(row.cells) > MAX_CELLS:
                return PageText(problems=(TOO_MANY_CELLS,))
            reader.read_row(row)
    except (etree.LxmlError, ValueError):
        return PageText(problems=(UNREADABLE,))
    return reader.finish(text)


class _Table:
    """The section and the columns of one table element, as far as they are known."""

    __slots__ = ("columns", "identified", "section")

    def __init__(self, table_id: str) -> None:
        self.section = SECTION_BY_TABLE_ID.get(table_id)
        self.identified = self.section is not None
        self.columns: Columns | None = None


class _PageReader:
    """Assigns the rows of one page to sections, in document order."""

    def __init__(self) -> None:
        self.tables: dict[etree._Element, _Table] = {}
        self.tickets: list[str] = []
        self.labels: list[str] = []
        self.personal: dict[str, str] = {}
        self.details: list[str] = []
        self.headers: list[Columns] = []
        self.rows: dict[Section, list[RowText]] = {Section.MARKS: [], Section.RESULTS: []}
        self.sections: set[Section] = set()
        self.unread: list[str] = []
        self.strange_labels: list[str] = []
        self.problems: set[str] = set()
        self.has_marks_instead_of_grades = False
        # Whether the latest row belongs to a result table. If the last row of the page does, the
        # search box is missing, and the page is truncated.
        self.ends_in_a_table = False

    def read_row(self, row: Row) -> None:
        """Assign one row to the section it belongs to."""
        table = self.tables.get(row.container)
        if table is None:
            table = self.tables[row.container] = _Table(row.table_id)
            if table.section is not None:
                self.sections.add(table.section)
        if not any(row.cells):
            return
        self.ends_in_a_table = True
        if table.columns is not None and row.cells[0][:1].isdigit():
            # A shortcut for nine rows of ten: no header and no label begins with a digit.
            self._read_record(table.columns, row)
            return
        keys = [label_key(cell) for cell in row.cells]
        if not HEADER_KEYS.isdisjoint(keys) and (columns := match_columns(row.cells)) is not None:
            self._begin_table(table, columns)
        elif "hall ticket no" in keys:
            table.section = table.section if table.columns else Section.PERSONAL
            self._read_personal(table, row.cells, keys)
        elif table.columns is not None:
            self._read_record(table.columns, row)
        elif table.section is Section.PERSONAL:
            self._read_personal(table, row.cells, keys)
        else:
            self._read_other(table, row, keys)

    def _begin_table(self, table: _Table, columns: Columns) -> None:
        table.section, table.columns = columns.section, columns
        self.sections.add(columns.section)
        if shows_marks(columns.header):
            self.has_marks_instead_of_grades = True
        if columns.mixed:
            self.problems.add(f"the {columns.section} table has a record in its header row")
        if not any(columns is known for known in self.headers):
            self.headers.append(columns)

    def _read_record(self, columns: Columns, row: Row) -> None:
        if len(row.cells) == 1 and self._is_remark(columns, row):
            return
        text = fit_row(columns, row)
        self.rows[columns.section].append(text)
        if text.problem is None:
            for number in columns.unknown:
                if text.cells[number]:
                    name = columns.header[number] or number + 1
                    self.unread.append(f"{columns.section}: column {name}")

    def _is_remark(self, columns: Columns, row: Row) -> bool:
        """Whether a row of one cell is a title, a footer or a note, not a damaged record."""
        if _is_boilerplate(row.cells[0]):
            self.ends_in_a_table = False
            return True
        is_wide = any(column_span(element) > 1 for element in row.elements)
        if is_wide:
            self.unread.append(f"{columns.section}: a line across all columns")
        return is_wide

    def _read_personal(self, table: _Table, cells: tuple[str, ...], keys: list[str]) -> None:
        self.sections.add(Section.PERSONAL)
        self.details += cells
        if FIELD_BY_LABEL.keys().isdisjoint(keys) and _may_be_a_record(cells):
            self.problems.add(STRAY_ROWS)
        number = 0
        while number < len(cells):
            name = FIELD_BY_LABEL.get(keys[number])
            if name is None:
                self._note_unknown_cell(table, cells, keys, number)
                number += 1
                continue
            has_value = number + 1 < len(cells) and keys[number + 1] not in FIELD_BY_LABEL
            self._take_value(name, cells[number], cells[number + 1] if has_value else "")
            number += 2 if has_value else 1

    def _take_value(self, name: str, label: str, value: str) -> None:
        if name == "hall_ticket":
            self.tickets.append(value)
        if name not in self.personal:
            self.personal[name] = value
            self.labels.append(label)
        elif value and value != self.personal[name]:
            self.unread.append(f"personal: a second {label}")

    def _note_unknown_cell(
        self, table: _Table, cells: tuple[str, ...], keys: list[str], number: int
    ) -> None:
        if not cells[number] or _is_boilerplate(cells[number]) or not table.identified:
            return
        self.unread.append(f"personal: cell {number + 1} of {len(cells)}")
        if number % 2 == 0 and keys[number]:
            self.strange_labels.append(cells[number])

    def _read_other(self, table: _Table, row: Row, keys: list[str]) -> None:
        """Read a title, a header without known words, or a row outside the tables."""
        filled = len(row.cells) - row.cells.count("")
        section = table.section
        if section is None and filled >= MIN_RECORD_CELLS and shows_marks(row.cells):
            section = Section.MARKS
        if section is None:
            self.ends_in_a_table = False
            is_torn = row.container.tag != "table" and filled > 1
            if is_torn or (_may_be_a_record(row.cells) and row.table_id != SEARCH_BOX_ID):
                self.problems.add(STRAY_ROWS)
        elif _may_be_a_record(row.cells):
            self.problems.add(_no_header(section))
        elif filled >= MIN_RECORD_CELLS:
            self._begin_table(table, unknown_columns(section, row.cells))
        elif not TITLES.issuperset(key for key in keys if key):
            self.unread.append(f"{section}: a line above the header")

    def finish(self, text: str) -> PageText:
        """Return the texts of the page and the problems of the page as a whole."""
        return PageText(
            tickets=tuple(self.tickets),
            labels=tuple(self.labels),
            personal=self.personal,
            details=tuple(self.details),
            headers=tuple(self.headers),
            marks=tuple(self.rows[Section.MARKS]),
            results=tuple(self.rows[Section.RESULTS]),
            unread=tuple(self.unread),
            strange_labels=tuple(self.strange_labels),
            problems=tuple(self._find_problems(text)),
        )

    def _find_problems(self, text: str) -> list[str]:
        if not self.sections:
            for words, problem in (("not found", NOT_FOUND), ("no change", NO_CHANGE)):
                if f"is {words}" in text.casefold():
                    return [problem]
            return [NO_RESULT]
        problems = sorted(self.problems)
        problems += [NO_PERSONAL] if Section.PERSONAL not in self.sections else []
        problems += self._find_table_problems(Section.MARKS, NO_MARKS)
        problems += self._find_table_problems(Section.RESULTS, NO_RESULTS)
        if not problems and not any(self.rows.values()):
            problems.append(NO_ROWS)
        # Every answer ends with the search box. Without it, the page was not received completely.
        if self.ends_in_a_table:
            problems.append(TRUNCATED)
        return problems

    def _find_table_problems(self, section: Section, absent: str) -> list[str]:
        headers = [columns for columns in self.headers if columns.section is section]
        if not headers:
            problem = _no_header(section) if section in self.sections else absent
            return [] if _no_header(section) in self.problems else [problem]
        if self.has_marks_instead_of_grades and section is Section.MARKS:
            return [MARKS_NOT_GRADES]
        missing = dict.fromkeys(name for columns in headers for name in columns.missing)
        return [f"the {section} table has no column '{name}'" for name in missing]


def _no_header(section: Section) -> str:
    return f"the {section} table has no header"


def _may_be_a_record(cells: tuple[str, ...]) -> bool:
    """Whether the cells of an unassigned row may be a student's marks or result."""
    filled = len(cells) - cells.count("")
    return filled >= MIN_RECORD_CELLS and any(map(has_digit, cells))


def _is_boilerplate(text: str) -> bool:
    """Whether every page has this text: the title of a table or a line below the tables."""
    return label_key(text) in TITLES or text == LAST_LINE or text.casefold().startswith(FOOTER)
