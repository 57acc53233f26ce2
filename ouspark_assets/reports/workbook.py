"""A class sheet as an Excel workbook: the sheet itself, and its subjects in figures.

Only how it looks and prints. Bytes in memory, the same for the same sheet; writing them to a
place is `files.py`.
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

from ouspark_assets.reports.escaping import safe_cell
from ouspark_assets.reports.sheet import FIXED_COLUMNS, Cell, CellValue, Look, Sheet

A4, LANDSCAPE_MARGIN = 9, 0.4
TITLE_ROW, SUBTITLE_ROW, HEADING_ROW, MEANING_ROW, FIRST_ROW = range(5)
MEANING_HEIGHT = 110
WIDTHS = (14, 28)
NARROW, WIDE = 7, 30
COLOURS: Mapping[Look, dict[str, Any]] = {
    Look.PLAIN: {},
    Look.FAILED: {"bg_color": "#F8CBAD", "font_color": "#9C0006"},
    Look.ABSENT: {"bg_color": "#FFE699", "font_color": "#7F6000"},
    Look.PENDING: {"bg_color": "#D9D9D9", "italic": True},
    Look.DISTINCTION: {"bg_color": "#C6E0B4", "font_color": "#375623"},
    Look.TOTAL: {"bg_color": "#EDEDED", "bold": True},
}
LEGEND = ((Look.FAILED, "failed"), (Look.ABSENT, "absent"), (Look.PENDING, "pending"),
          (Look.DISTINCTION, "high"))  # fmt: skip
SUBJECT_COLUMNS = {
    "subject_code": "Code",
    "subject_name": "Subject",
    "semester": "Semester",
    "credits": "Credits",
    "appeared": "Appeared",
    "passed": "Passed",
    "failed": "Failed",
    "absent": "Absent",
    "pending": "Pending",
    "pass_percent": "Pass %",
    "mean_points": "Mean points",
}
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True)
class _Formats:
    """The formats of one workbook."""

    title: Format
    heading: Format
    meaning: Format
    of: Mapping[tuple[Look, bool], Format]

    @classmethod
    def made_in(cls, workbook: Workbook) -> "_Formats":
        line = {"border": 1, "border_color": "#BFBFBF"}
        heading = {**line, "bold": True, "bg_color": "#1F4E78", "font_color": "#FFFFFF"}
        upright = {**line, "rotation": 90, "text_wrap": True, "valign": "bottom", "font_size": 8}
        return cls(
            title=workbook.add_format({"bold": True, "font_size": 14}),
            heading=workbook.add_format({**heading, "align": "center", "text_wrap": True}),
            meaning=workbook.add_format(upright),
            of={
                (look, decimals): workbook.add_format(
                    {**line, **colours, **({"num_format": "0.00"} if decimals else {})}
                )
                for look, colours in COLOURS.items()
                for decimals in (False, True)
            },
        )


def workbook_bytes(sheet: Sheet, as_of: datetime) -> bytes:
    """The workbook of a class; `as_of` is the date it carries."""
    buffer = io.BytesIO()
    workbook = xlsxwriter.Workbook(buffer, OPTIONS)
    # The date of the data, so that the same data make the same file.
    workbook.set_properties({"title": f"Class {sheet.name}", "created": as_of.replace(tzinfo=None)})
    formats = _Formats.made_in(workbook)
    _class(workbook.add_worksheet(str(sheet.name)), sheet, formats)
    _subjects(workbook.add_worksheet("Subjects"), sheet, formats)
    workbook.close()
    return buffer.getvalue()


def _class(page: Worksheet, sheet: Sheet, formats: _Formats) -> None:
    page.write_string(TITLE_ROW, 0, safe_cell(sheet.title), formats.title)
    page.write_string(SUBTITLE_ROW, 0, safe_cell(sheet.subtitle))
    for place, (look, meaning) in enumerate(LEGEND):
        page.write_string(SUBTITLE_ROW, 8 + 2 * place, meaning, formats.of[look, False])
    for column, heading in enumerate(sheet.headings):
        page.write_string(HEADING_ROW, column, safe_cell(heading), formats.heading)
        meaning = sheet.meanings[column] if column < len(sheet.meanings) else ""
        page.write_string(MEANING_ROW, column, safe_cell(meaning), formats.meaning)
    page.set_row(MEANING_ROW, MEANING_HEIGHT)
    for number, row in enumerate((*sheet.rows, *sheet.totals), FIRST_ROW):
        for column, cell in enumerate(row):
            _write(page, number, column, cell, formats)
    _set_up(page, sheet)


def _set_up(page: Worksheet, sheet: Sheet) -> None:
    """Widths, what stays in sight, and how it prints."""
    for column, width in enumerate(WIDTHS):
        page.set_column(column, column, width)
    last = len(sheet.headings) - 1
    page.set_column(len(WIDTHS), last, NARROW)
    if sheet.headings[last] == "Remark":
        page.set_column(last, last, WIDE)
    page.freeze_panes(FIRST_ROW, len(FIXED_COLUMNS))
    if sheet.rows:
        page.autofilter(MEANING_ROW, 0, MEANING_ROW + len(sheet.rows), last)
    _print_set_up(page, str(sheet.name))
    page.repeat_rows(HEADING_ROW, MEANING_ROW)
    page.repeat_columns(0, len(FIXED_COLUMNS) - 1)


def _print_set_up(page: Worksheet, name: str) -> None:
    page.set_landscape()
    page.set_paper(A4)
    page.set_margins(*[LANDSCAPE_MARGIN] * 2)
    page.fit_to_pages(1, 0)
    page.set_footer(f"&L{name}&RPage &P of &N")


def _subjects(page: Worksheet, sheet: Sheet, formats: _Formats) -> None:
    for column, (name, heading) in enumerate(SUBJECT_COLUMNS.items()):
        page.write_string(0, column, heading, formats.heading)
        for number, value in enumerate(sheet.subjects[name], 1):
            _write(page, number, column, Cell(value), formats)
    page.set_column(1, 1, 45)
    page.freeze_panes(1, 2)
    _print_set_up(page, str(sheet.name))
    page.repeat_rows(0)


def _write(page: Worksheet, row: int, column: int, cell: Cell, formats: _Formats) -> None:
    value: CellValue = cell.value
    look = formats.of[cell.look, isinstance(value, float)]
    if value is None:
        page.write_blank(row, column, None, look)
    elif isinstance(value, str):
        page.write_string(row, column, safe_cell(value), look)
    else:
        page.write_number(row, column, value, look)
