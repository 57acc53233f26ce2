"""Printed records: the texts of a batch of pages as frames, one row per record, and their raw form.

The raw form is what an operator sees of a rejected record. A correction is stored under the
fingerprint of what was printed.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from ouspark_assets.pages.headers import RowText
from ouspark_assets.pages.page_reader import PageText

MARK_FIELDS = ("subject_code", "subject_name", "credits", "points", "grade")
RESULT_FIELDS = ("semester", "year", "result", "cgpa")
APPEARANCE_FIELDS = ("name", "father_name", "gender", "course", "medium")
MAX_RAW_TEXT_LENGTH = 500
FINGERPRINT_LENGTH = 32
SEPARATOR = "\x1f"


class Page(NamedTuple):
    """The texts of a page and the hall ticket that it was requested for."""

    hall_ticket: str
    sha256: str
    text: PageText


@dataclass(frozen=True)
class PrintedRecords:
    """The records of one table: a frame of texts, and the origin of each row.

    Columns of the frame: row, hall_ticket, sha256, `<field>_text` for every field, and `problem`
    and `misfit`: if the cells do not fit the columns, the reason and the cells.
    """

    table_name: str
    fields: tuple[str, ...]
    frame: pl.DataFrame
    origins: Sequence[RowText | PageText]

    def raw(self, row: int) -> str:
        """Return the record as printed (JSON), with long texts shortened."""
        header, cells = _header_and_cells(self.origins[row])
        fields = {name: self.frame[f"{name}_text"][row] for name in self.fields}
        return json.dumps(
            {
                "header": [_shorten(text) for text in header],
                "cells": [_shorten(text) for text in cells],
                "fields": {name: _shorten(text) for name, text in fields.items()},
            },
            ensure_ascii=False,
        )

    def fingerprint(self, row: int) -> str:
        """Return the hash of what was printed, which identifies the record within its ticket."""
        header, cells = _header_and_cells(self.origins[row])
        return make_fingerprint(self.table_name, *header, "", *cells)


def make_fingerprint(*texts: str) -> str:
    """Return the hash of a sequence of texts."""
    digest = hashlib.sha256(SEPARATOR.join(texts).encode("utf-8", "replace"))
    return digest.hexdigest()[:FINGERPRINT_LENGTH]


def extract_marks(pages: Iterable[Page]) -> PrintedRecords:
    """Return the marks rows of all pages."""
    return _extract_rows("marks", MARK_FIELDS, [(page, page.text.marks) for page in pages])


def extract_results(pages: Iterable[Page]) -> PrintedRecords:
    """Return the semester lines of all pages."""
    return _extract_rows("results", RESULT_FIELDS, [(page, page.text.results) for page in pages])


def extract_appearances(pages: Sequence[Page]) -> PrintedRecords:
    """Return the personal details of all pages."""
    texts = [[page.text.personal.get(field, "") for field in APPEARANCE_FIELDS] for page in pages]
    return _make_records(
        "appearances", APPEARANCE_FIELDS, pages, texts, [page.text for page in pages]
    )


def _extract_rows(
    name: str, fields: tuple[str, ...], rows: list[tuple[Page, tuple[RowText, ...]]]
) -> PrintedRecords:
    origins = [row for _, of_page in rows for row in of_page]
    pages = [page for page, of_page in rows for _ in of_page]
    texts = []
    for row in origins:
        index = {} if row.problem is not None else row.columns.index
        texts.append([row.cells[index[field]] if field in index else "" for field in fields])
    return _make_records(name, fields, pages, texts, origins)


def _make_records(
    name: str,
    fields: tuple[str, ...],
    pages: Sequence[Page],
    texts: list[list[str]],
    origins: Sequence[RowText | PageText],
) -> PrintedRecords:
    columns = list(zip(*texts, strict=True)) or [()] * len(fields)
    misfits = [
        origin if isinstance(origin, RowText) and origin.problem else None for origin in origins
    ]
    frame = pl.DataFrame(
        {
            "row": range(len(pages)),
            "hall_ticket": [page.hall_ticket for page in pages],
            "sha256": [page.sha256 for page in pages],
            **{f"{field}_text": column for field, column in zip(fields, columns, strict=True)},
            "problem": [misfit and misfit.problem for misfit in misfits],
            "misfit": [misfit and SEPARATOR.join(misfit.cells) for misfit in misfits],
        },
        schema_overrides={
            "row": pl.UInt32,
            **dict.fromkeys(("hall_ticket", "sha256", "problem", "misfit"), pl.String),
            **{f"{field}_text": pl.String for field in fields},
        },
    )
    return PrintedRecords(name, fields, frame, origins)


def _header_and_cells(origin: RowText | PageText) -> tuple[Sequence[str], Sequence[str]]:
    if isinstance(origin, RowText):
        return origin.columns.header, origin.cells
    return origin.labels, origin.details


def _shorten(text: str) -> str:
    if len(text) <= MAX_RAW_TEXT_LENGTH:
        return text
    return f"{text[:MAX_RAW_TEXT_LENGTH]}… ({len(text)} characters)"
