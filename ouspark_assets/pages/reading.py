"""Reading one page: bytes in, a `PageText` out, never an exception whatever the bytes are.

Finds the tables, the labels and the rows. What their texts mean is decided in `cleaning.py`.
"""

from lxml import etree

from ouspark_assets.pages.headers import (
    HEADER_KEYS,
    MARKS_NOT_GRADES,
    columns_of,
    has_digit,
    row_under,
    shows_marks,
    strange_columns,
)
from ouspark_assets.pages.records import Columns, PageText, RowText
from ouspark_assets.pages.tables import Row, rows_of, span, tree_of
from ouspark_assets.pages.text import decoded
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

# A result page has about 10 kB; whatever is a hundred times as long is something else.
LARGEST_PAGE = 1_000_000
# A student has some sixty rows of five cells; every one of them is kept under its whole header.
MOST_ROWS, MOST_CELLS = 2_000, 60
LEAST_CELLS_OF_A_RECORD = 3
TOO_LARGE = "the page is far too large for a result page"
UNREADABLE = "the page can't be read as HTML"
NOT_FOUND = "the page says that the hall ticket is not found"
NO_CHANGE = "the page says that revaluation changed nothing"
NO_RESULT = "the page is no result page: it has none of the result tables"
NO_PERSONAL = "the page has no personal details"
NO_MARKS = "the page has no marks table"
NO_RESULTS = "the page has no result table"
NO_ROWS = "the page has neither a mark nor a result line"
CUT_SHORT = "the page is cut short"
TOO_MANY_ROWS = "the page has far too many table rows for a result page"
TOO_MANY_CELLS = "the page has a table row with far too many cells for a result page"
STRAY_ROWS = "the page has rows outside its tables"


def read_page(body: bytes) -> PageText:
    """Everything that the page says, and what makes it unusable as a whole."""
    if len(body) > LARGEST_PAGE:
        return _unusable(TOO_LARGE)
    text = decoded(body)
    try:
        reading = _Reading()
        for number, row in enumerate(rows_of(tree_of(text))):
            if number == MOST_ROWS:
                return _unusable(TOO_MANY_ROWS)
            if len(row.cells) > MOST_CELLS:
                return _unusable(TOO_MANY_CELLS)
            reading.take(row)
    except (etree.LxmlError, ValueError):
        return _unusable(UNREADABLE)
    return reading.finished(text)


def _unusable(problem: str) -> PageText:
    return PageText(
        tickets=(),
        labels=(),
        personal={},
        details=(),
        headers=(),
        marks=(),
        results=(),
        unread=(),
        strange_labels=(),
        problems=(problem,),
    )


class _Table:
    """What is known so far of one table element."""

    __slots__ = ("columns", "identified", "section")

    def __init__(self, table_id: str) -> None:
        self.section = SECTION_BY_TABLE_ID.get(table_id)
        self.identified = self.section is not None
        self.columns: Columns | None = None


class _Reading:
    """The rows of one page, sorted into sections as they come."""

    def __init__(self) -> None:
        self.tables: dict[etree._Element, _Table] = {}
        self.tickets: list[str] = []
        self.labels: list[str] = []
        self.personal: dict[str, str] = {}
        self.details: list[str] = []
        self.headers: list[Columns] = []
        self.rows: dict[Section, list[RowText]] = {Section.MARKS: [], Section.RESULTS: []}
        self.seen: set[Section] = set()
        self.unread: list[str] = []
        self.strange_labels: list[str] = []
        self.old = False
        self.faults: set[str] = set()
        self.last_row_counts = False

    def take(self, row: Row) -> None:
        """Sort one row into the section it belongs to."""
        table = self.tables.get(row.container)
        if table is None:
            table = self.tables[row.container] = _Table(row.table_id)
            if table.section is not None:
                self.seen.add(table.section)
        if not any(row.cells):
            return
        self.last_row_counts = True
        if table.columns is not None and row.cells[0][:1].isdigit():
            # Nine rows of ten, and none that begins with a digit is a header or a label.
            self._data(table.columns, row)
            return
        keys = [label_key(cell) for cell in row.cells]
        if not HEADER_KEYS.isdisjoint(keys) and (columns := columns_of(row.cells)) is not None:
            self._begin(table, columns)
        elif "hall ticket no" in keys:
            table.section = table.section if table.columns else Section.PERSONAL
            self._personal(table, row.cells, keys)
        elif table.columns is not None:
            self._data(table.columns, row)
        elif table.section is Section.PERSONAL:
            self._personal(table, row.cells, keys)
        else:
            self._outside(table, row, keys)

    def _begin(self, table: _Table, columns: Columns) -> None:
        table.section, table.columns = columns.section, columns
        self.seen.add(columns.section)
        self.old = self.old or shows_marks(columns.header)
        if columns.mixed:
            self.faults.add(f"the {columns.section} table has a record in its header row")
        if not any(columns is known for known in self.headers):
            self.headers.append(columns)

    def _data(self, columns: Columns, row: Row) -> None:
        if len(row.cells) == 1 and self._is_remark(columns, row, row.cells[0]):
            return
        text = row_under(columns, row)
        self.rows[columns.section].append(text)
        if text.problem is None:
            for at in columns.strangers:
                if text.cells[at]:
                    name = columns.header[at] or at + 1
                    self.unread.append(f"{columns.section}: column {name}")

    def _is_remark(self, columns: Columns, row: Row, text: str) -> bool:
        """Whether a row of one cell is a title, a footer or a note rather than a damaged record."""
        if _is_frame(text):
            self.last_row_counts = False
            return True
        wide = any(span(element) > 1 for element in row.elements)
        if wide:
            self.unread.append(f"{columns.section}: a line across all columns")
        return wide

    def _personal(self, table: _Table, cells: tuple[str, ...], keys: list[str]) -> None:
        self.seen.add(Section.PERSONAL)
        self.details += cells
        if FIELD_BY_LABEL.keys().isdisjoint(keys) and _is_record(cells):
            self.faults.add(STRAY_ROWS)
        at = 0
        while at < len(cells):
            field = FIELD_BY_LABEL.get(keys[at])
            if field is None:
                self._stray(table, cells, keys, at)
                at += 1
                continue
            has_value = at + 1 < len(cells) and keys[at + 1] not in FIELD_BY_LABEL
            self._label(field, cells[at], cells[at + 1] if has_value else "")
            at += 2 if has_value else 1

    def _label(self, field: str, label: str, value: str) -> None:
        if field == "hall_ticket":
            self.tickets.append(value)
        if field not in self.personal:
            self.personal[field] = value
            self.labels.append(label)
        elif value and value != self.personal[field]:
            self.unread.append(f"personal: a second {label}")

    def _stray(self, table: _Table, cells: tuple[str, ...], keys: list[str], at: int) -> None:
        if not cells[at] or _is_frame(cells[at]) or not table.identified:
            return
        self.unread.append(f"personal: cell {at + 1} of {len(cells)}")
        if at % 2 == 0 and keys[at]:
            self.strange_labels.append(cells[at])

    def _outside(self, table: _Table, row: Row, keys: list[str]) -> None:
        """Titles above a header, headers that nothing knows, and what lies outside the tables."""
        filled = len(row.cells) - row.cells.count("")
        section = table.section
        if section is None and filled >= LEAST_CELLS_OF_A_RECORD and shows_marks(row.cells):
            section = Section.MARKS
        if section is None:
            self.last_row_counts = False
            torn = row.container.tag != "table" and filled > 1
            if torn or (_is_record(row.cells) and row.table_id != SEARCH_BOX_ID):
                self.faults.add(STRAY_ROWS)
        elif _is_record(row.cells):
            self.faults.add(f"the {section} table has no header")
        elif filled >= LEAST_CELLS_OF_A_RECORD:
            self._begin(table, strange_columns(section, row.cells))
        elif not TITLES.issuperset(key for key in keys if key):
            self.unread.append(f"{section}: a line above the header")

    def finished(self, text: str) -> PageText:
        """The page as a record, with what is wrong with it as a whole."""
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
            problems=tuple(self._problems(text)),
        )

    def _problems(self, text: str) -> list[str]:
        if not self.seen:
            return [_answer(text)]
        problems = sorted(self.faults)
        problems += [NO_PERSONAL] if Section.PERSONAL not in self.seen else []
        problems += self._table_problems(Section.MARKS, NO_MARKS)
        problems += self._table_problems(Section.RESULTS, NO_RESULTS)
        if not problems and not any(self.rows.values()):
            problems.append(NO_ROWS)
        # Every answer closes with the search box; not to have it is not to have been read whole.
        if self.last_row_counts:
            problems.append(CUT_SHORT)
        return problems

    def _table_problems(self, section: Section, absent: str) -> list[str]:
        headers = [columns for columns in self.headers if columns.section is section]
        if not headers:
            headless = f"the {section} table has no header"
            return [] if headless in self.faults else [headless if section in self.seen else absent]
        if self.old and section is Section.MARKS:
            return [MARKS_NOT_GRADES]
        missing = dict.fromkeys(name for columns in headers for name in columns.missing)
        return [f"the {section} table has no column '{name}'" for name in missing]


def _answer(text: str) -> str:
    plain = text.casefold()
    if "is not found" in plain:
        return NOT_FOUND
    return NO_CHANGE if "is no change" in plain else NO_RESULT


def _is_record(cells: tuple[str, ...]) -> bool:
    """Whether cells that nothing claims may be a student's marks or result."""
    filled = len(cells) - cells.count("")
    return filled >= LEAST_CELLS_OF_A_RECORD and any(map(has_digit, cells))


def _is_frame(text: str) -> bool:
    """Whether a text belongs to every page: a table's title, or one of the lines below them."""
    return label_key(text) in TITLES or text == LAST_LINE or text.casefold().startswith(FOOTER)
