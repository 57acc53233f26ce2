"""A class sheet as an Excel workbook: fonts, colours, widths, printing, and a sheet of subjects.

The content comes from `class_sheet.py`. The same content yields the same bytes.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from ouspark_assets.reports.class_sheet import FIXED_COLUMNS, REMARK, Cell, CellKind, Sheet
from ouspark_assets.reports.report_data import TOTALS

# Values that Excel would take for formulas. Escaped with an apostrophe and not only by the cell
# type, because people save the sheet as CSV and open that.
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n")
# Excel's number of the paper size; inches.
A4, MARGIN = 9, 0.4
TITLE_ROW, SUBTITLE_ROW, HEADING_ROW, NAME_ROW, FIRST_ROW = range(5)
NAME_ROW_HEIGHT = 110
FIXED_WIDTHS = (14, 28)
COLUMN_WIDTH, REMARK_WIDTH = 7, 30
COLOURS: Mapping[CellKind, dict[str, Any]] = {
    CellKind.PLAIN: {},
    CellKind.FAILED: {"bg_color": "#F8CBAD", "font_color": "#9C0006"},
    CellKind.ABSENT: {"bg_color": "#FFE699", "font_color": "#7F6000"},
    CellKind.PENDING: {"bg_color": "#D9D9D9", "italic": True},
    CellKind.DISTINCTION: {"bg_color": "#C6E0B4", "font_color": "#375623"},
    CellKind.NO_RESULT: {"bg_color": "#DDEBF7", "italic": True},
    CellKind.TOTAL: {"bg_color": "#EDEDED", "bold": True},
}
LEGEND = ((CellKind.FAILED, "failed"), (CellKind.ABSENT, "absent"), (CellKind.PENDING, "pending"),
          (CellKind.DISTINCTION, "distinction"), (CellKind.NO_RESULT, "no result"))  # fmt: skip
SUBJECT_COLUMNS = {
    "subject_code": "Code",
    "subject_name": "Subject",
    "semester": "Semester",
    "credits": "Credits",
    **TOTALS,
}
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True)
class _Formats:
    """The cell formats of one workbook."""

    title: Format
    heading: Format
    subject_name: Format
    cells: Mapping[tuple[CellKind, bool], Format]

    @classmethod
    def create(cls, workbook: Workbook) -> "_Formats":
        line = {"border": 1, "border_color": "#BFBFBF"}
        heading = {**line, "bold": True, "bg_color": "#1F4E78", "font_color": "#FFFFFF"}
        upright = {**line, "rotation": 90, "text_wrap": True, "valign": "bottom", "font_size": 8}
        return cls(
            title=workbook.add_format({"bold": True, "font_size": 14}),
            heading=workbook.add_format({**heading, "align": "center", "text_wrap": True}),
            subject_name=workbook.add_format(upright),
            cells={
                (kind, decimals): workbook.add_format(
                    {**line, **colours, **({"num_format": "0.00"} if decimals else {})}
                )
                for kind, colours in COLOURS.items()
                for decimals in (False, True)
            },
        )


def escape_formula(text: str) -> str:
    """Return the text, with an apostrophe in front if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_PREFIXES) else text


def workbook_bytes(sheet: Sheet, as_of: datetime) -> bytes:
    """Return the workbook of a class; `as_of` is the date of the data."""
    buffer = io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer, OPTIONS)
    # Not the current time, so that the same data yields the same file.
    workbook.set_properties({"title": f"Class {sheet.key}", "created": as_of.replace(tzinfo=None)})
    formats = _Formats.create(workbook)
    _write_class(workbook.add_worksheet(str(sheet.key)), sheet, formats)
    _write_subjects(workbook.add_worksheet("Subjects"), sheet, formats)
    workbook.close()
    return buffer.getvalue()


def _write_class(page: Worksheet, sheet: Sheet, formats: _Formats) -> None:
    page.write_string(TITLE_ROW, 0, escape_formula(sheet.title), formats.title)
    page.write_string(SUBTITLE_ROW, 0, escape_formula(sheet.subtitle))
    for number, (kind, text) in enumerate(LEGEND):
        page.write_string(SUBTITLE_ROW, 8 + 2 * number, text, formats.cells[kind, False])
    for column, heading in enumerate(sheet.headings):
        page.write_string(HEADING_ROW, column, escape_formula(heading), formats.heading)
        name = sheet.subject_names[column] if column < len(sheet.subject_names) else ""
        page.write_string(NAME_ROW, column, escape_formula(name), formats.subject_name)
    page.set_row(NAME_ROW, NAME_ROW_HEIGHT)
    for number, row in enumerate((*sheet.rows, *sheet.totals), FIRST_ROW):
        for column, cell in enumerate(row):
            _write_cell(page, number, column, cell, formats)
    _set_up_page(page, sheet)


def _set_up_page(page: Worksheet, sheet: Sheet) -> None:
    """Set column widths, frozen panes, the filter and the print layout."""
    for column, width in enumerate(FIXED_WIDTHS):
        page.set_column(column, column, width)
    last = len(sheet.headings) - 1
    page.set_column(len(FIXED_WIDTHS), last, COLUMN_WIDTH)
    if sheet.headings[last] == REMARK:
        page.set_column(last, last, REMARK_WIDTH)
    page.freeze_panes(FIRST_ROW, len(FIXED_COLUMNS))
    if sheet.rows:
        page.autofilter(NAME_ROW, 0, NAME_ROW + len(sheet.rows), last)
    _set_up_printing(page, str(sheet.key))
    page.repeat_rows(HEADING_ROW, NAME_ROW)
    page.repeat_columns(0, len(FIXED_COLUMNS) - 1)


def _set_up_printing(page: Worksheet, name: str) -> None:
    page.set_landscape()
    page.set_paper(A4)
    page.set_margins(*[MARGIN] * 2)
    page.fit_to_pages(1, 0)
    page.set_footer(f"&L{name}&RPage &P of &N")


def _write_subjects(page: Worksheet, sheet: Sheet, formats: _Formats) -> None:
    for column, (name, heading) in enumerate(SUBJECT_COLUMNS.items()):
        page.write_string(0, column, heading, formats.heading)
        for number, value in enumerate(sheet.subjects[name], 1):
            _write_cell(page, number, column, Cell(value), formats)
    page.set_column(1, 1, 45)
    page.freeze_panes(1, 2)
    _set_up_printing(page, str(sheet.key))
    page.repeat_rows(0)


def _write_cell(page: Worksheet, row: int, column: int, cell: Cell, formats: _Formats) -> None:
    value = cell.value
    cell_format = formats.cells[cell.kind, isinstance(value, float)]
    if value is None:
        page.write_blank(row, column, None, cell_format)
    elif isinstance(value, str):
        page.write_string(row, column, escape_formula(value), cell_format)
    else:
        page.write_number(row, column, value, cell_format)
