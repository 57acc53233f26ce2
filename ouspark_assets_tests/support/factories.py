"""Builds small frames of the clean tables: a test gives a few values, the others have defaults."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table

TICKET = "160499733001"
SHA256 = "0" * 64
DEFAULTS: Mapping[str, Any] = {
    "release": "20250402",
    "hall_ticket": TICKET,
    "sha256": SHA256,
    "name": "STUDENT ONE",
    "father_name": "FATHER ONE",
    "gender": "FEMALE",
    "course": "BE(CBCS)",
    "medium": "ENGLISH",
    "semester": 1,
    "status": "PASSED",
    "sgpa_printed": None,
    "cgpa_printed": None,
    "subject_code": "101",
    "subject_name": "MATHEMATICS - I",
    "credits": 4.0,
    "grade": "A",
    "points": 9,
    "points_derived": False,
    "title": "B.E. (CBCS) I Sem. (Main) Feb-2025 Results",
    "url": "http://127.0.0.1/res07/20250402.jsp",
    "exam_kind": "main",
    "scheme": "CBCS",
    "revises": None,
    "semesters": [1],
    "session_month": 2,
    "session_year": 2025,
    "published_on": None,
    "first_seen_at": datetime(2025, 4, 2, tzinfo=UTC),
}


def frame(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows of a table; columns that a row does not name get their default."""
    filled = [{name: {**DEFAULTS, **row}[name] for name in table.columns} for row in rows]
    return table.conform(pl.DataFrame(filled, schema=table.dtypes))


def appearances(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of `clean.appearances`."""
    return frame(APPEARANCES, rows)


def results(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of `clean.results`."""
    return frame(RESULTS, rows)


def marks(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of `clean.marks`."""
    return frame(MARKS, rows)


def releases(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of `source.release_index`."""
    return frame(RELEASE_INDEX, [{"course": "B.E.", **row} for row in rows])
