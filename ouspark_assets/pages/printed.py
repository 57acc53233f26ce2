"""From pages taken apart to frames of printed texts, a row per record, and back to its raw form.

The raw form is what an operator sees of a record that was not accepted, and its fingerprint is
what a correction by hand is filed under.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from ouspark_assets.pages.records import PageText, RowText

MARK_TEXTS = ("subject_code", "subject_name", "credits", "points", "grade")
RESULT_TEXTS = ("semester", "year", "result", "cgpa")
APPEARANCE_TEXTS = ("name", "father_name", "gender", "course", "medium")
LONGEST_RAW_TEXT = 500
FINGERPRINT_LENGTH = 32
SEPARATOR = "\x1f"


class Page(NamedTuple):
    """A page with the ticket it was asked for."""

    hall_ticket: str
    sha256: str
    text: PageText


@dataclass(frozen=True)
class Printed:
    """The records of one table: a frame of texts, and by row number what they were read from.

    Columns: row, hall_ticket, sha256, `<field>_text` for every field, `problem` and `misfit`: why
    the cells fit no columns, and then the cells.
    """

    table_name: str
    fields: tuple[str, ...]
    frame: pl.DataFrame
    origins: Sequence[RowText | PageText]

    def raw(self, row: int) -> str:
        """The record as it was printed (JSON), long texts cut."""
        header, cells = _header_and_cells(self.origins[row])
        return json.dumps(
            {
                "header": [_cut(text) for text in header],
                "cells": [_cut(text) for text in cells],
                "fields": {name: _cut(text) for name, text in self._texts(row)},
            },
            ensure_ascii=False,
        )

    def fingerprint(self, row: int) -> str:
        """A stable name of the record within its ticket: the hash of what was printed."""
        header, cells = _header_and_cells(self.origins[row])
        return fingerprint_of(self.table_name, *header, "", *cells)

    def _texts(self, row: int) -> Iterator[tuple[str, str]]:
        for name in self.fields:
            yield name, self.frame[f"{name}_text"][row]


def fingerprint_of(*texts: str) -> str:
    """The hash that a sequence of texts is known by."""
    digest = hashlib.sha256(SEPARATOR.join(texts).encode("utf-8", "replace"))
    return digest.hexdigest()[:FINGERPRINT_LENGTH]


def printed_marks(pages: Iterable[Page]) -> Printed:
    """The subject rows of all pages."""
    return _rows("marks", MARK_TEXTS, [(page, page.text.marks) for page in pages])


def printed_results(pages: Iterable[Page]) -> Printed:
    """The semester lines of all pages."""
    return _rows("results", RESULT_TEXTS, [(page, page.text.results) for page in pages])


def printed_appearances(pages: Sequence[Page]) -> Printed:
    """The personal details of all pages."""
    texts = [[page.text.personal.get(field, "") for field in APPEARANCE_TEXTS] for page in pages]
    return _printed("appearances", APPEARANCE_TEXTS, pages, texts, [page.text for page in pages])


def _rows(
    name: str, fields: tuple[str, ...], rows: list[tuple[Page, tuple[RowText, ...]]]
) -> Printed:
    origins = [row for _, of_page in rows for row in of_page]
    owners = [page for page, of_page in rows for _ in of_page]
    return _printed(name, fields, owners, [_fields_of(row, fields) for row in origins], origins)


def _fields_of(row: RowText, fields: tuple[str, ...]) -> list[str]:
    if row.problem is not None:
        return [""] * len(fields)
    cells, index = row.cells, row.columns.index
    return [cells[index[name]] if name in index else "" for name in fields]


def _printed(
    name: str,
    fields: tuple[str, ...],
    owners: Sequence[Page],
    texts: list[list[str]],
    origins: Sequence[RowText | PageText],
) -> Printed:
    columns = list(zip(*texts, strict=True)) or [()] * len(fields)
    misfits = [it if isinstance(it, RowText) and it.problem else None for it in origins]
    frame = pl.DataFrame(
        {
            "row": range(len(owners)),
            "hall_ticket": [page.hall_ticket for page in owners],
            "sha256": [page.sha256 for page in owners],
            **{f"{field}_text": column for field, column in zip(fields, columns, strict=True)},
            "problem": [it and it.problem for it in misfits],
            "misfit": [it and SEPARATOR.join(it.cells) for it in misfits],
        },
        schema_overrides={
            "row": pl.UInt32,
            **dict.fromkeys(("hall_ticket", "sha256", "problem", "misfit"), pl.String),
            **{f"{field}_text": pl.String for field in fields},
        },
    )
    return Printed(name, fields, frame, origins)


def _header_and_cells(origin: RowText | PageText) -> tuple[Sequence[str], Sequence[str]]:
    if isinstance(origin, RowText):
        return origin.columns.header, origin.cells
    return origin.labels, origin.details


def _cut(text: str) -> str:
    if len(text) <= LONGEST_RAW_TEXT:
        return text
    return f"{text[:LONGEST_RAW_TEXT]}… ({len(text)} characters)"
