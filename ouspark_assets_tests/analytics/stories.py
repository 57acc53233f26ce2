"""Little universities to tell stories in: releases of two years, and marks in one line each."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.domain.grades import POINTS_BY_GRADE
from ouspark_assets.domain.hall_tickets import hall_ticket_parts
from ouspark_assets.schemas.clean import QUARANTINE, STUDENTS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets_tests.analytics.aggregating import aggregated
from ouspark_assets_tests.support.factories import SHA256, marks, releases, results

# In the order of the university: a session's revaluation is published after it, and may be
# published after the next session too, before which it still belongs.
FEB_22, FEB_22_RV, AUG_22, FEB_23 = "20220101", "20221299", "20220801", "20230101"
RELEASES = (
    {"release": FEB_22, "session_year": 2022, "session_month": 2},
    {"release": AUG_22, "session_year": 2022, "session_month": 8},
    {"release": FEB_23, "session_year": 2023, "session_month": 2},
    {
        "release": FEB_22_RV,
        "session_year": 2022,
        "session_month": 2,
        "exam_kind": "revaluation",
        "revises": FEB_22,
    },
)
Mark = tuple[Any, ...]
Line = tuple[Any, ...]


def ticket(serial: int, *, college: str = "1604", branch: str = "733", year: int = 21) -> str:
    """A made-up hall ticket."""
    return f"{college}{year}{branch}{serial:03d}"


ANN = ticket(1)


def told(
    sat: Sequence[Mark],
    printed: Sequence[Line] = (),
    *,
    subjects: Sequence[tuple[str, str | None, int | None]] = (),
    in_quarantine: Sequence[str] = (),
    genders: dict[str, str | None] | None = None,
    options: Options | None = None,
) -> dict[str, pl.DataFrame]:
    """All aggregates of (release, ticket, code, credits, grade[, name]) and printed lines."""
    rows = [_mark(mark) for mark in sat]
    lines = [_line(*line) for line in printed]
    tickets = sorted({row["hall_ticket"] for row in [*rows, *lines]} | set(in_quarantine))
    clean = {
        "release_index": releases(*RELEASES),
        "students": _students(tickets, genders or {}),
        "marks": marks(*rows),
        "results": results(*lines),
        "subjects": _subjects(subjects),
        "quarantine": _quarantine(in_quarantine),
    }
    return aggregated(clean, options)


def values(frame: pl.DataFrame, columns: str, **key: Any) -> tuple[Any, ...]:
    """These columns of the one row with this key."""
    found = frame.filter(**key)
    assert found.height == 1, found
    return found.select(columns.split()).row(0)


def _mark(mark: Mark) -> dict[str, Any]:
    release, hall_ticket, code, credits_, grade, *name = mark
    semester = int(code[0]) if code[0].isdigit() else None
    return {
        "release": release,
        "hall_ticket": hall_ticket,
        "subject_code": code,
        "subject_name": name[0] if name else "SUBJECT",
        "semester": semester,
        "credits": credits_,
        "grade": grade,
        "points": POINTS_BY_GRADE.get(grade),
    }


def _line(
    release: str, hall_ticket: str, semester: int, status: str, sgpa: float | None = None
) -> dict[str, Any]:
    return {
        "release": release,
        "hall_ticket": hall_ticket,
        "semester": semester,
        "status": status,
        "sgpa_printed": sgpa,
    }


def _students(tickets: Sequence[str], genders: dict[str, str | None]) -> pl.DataFrame:
    known = pl.DataFrame(
        {
            "hall_ticket": tickets,
            "gender": [genders.get(each, "FEMALE") for each in tickets],
        },
        schema={"hall_ticket": pl.String, "gender": pl.String},
    )
    return STUDENTS.conform(
        known.with_columns(
            pl.format("STUDENT {}", "hall_ticket").alias("name"),
            pl.lit(None, pl.String).alias("father_name"),
            pl.lit("BE(CBCS)").alias("course"),
            pl.lit("ENGLISH").alias("medium"),
            pl.lit(SHA256).alias("sha256"),
            pl.lit(FEB_22).alias("last_release"),
            *hall_ticket_parts(),
        )
    )


def _subjects(subjects: Sequence[tuple[str, str | None, int | None]]) -> pl.DataFrame:
    known = [
        {"subject_code": code, "kind": kind, "semester": semester, "inferred": True}
        for code, kind, semester in subjects
    ]
    return pl.DataFrame(known, schema=SUBJECTS.dtypes)


def _quarantine(tickets: Sequence[str]) -> pl.DataFrame:
    records = [
        {
            "id": number,
            "release": FEB_22,
            "hall_ticket": each,
            "table_name": "marks",
            "reasons": ["malformed"],
            "raw": "{}",
            "run_id": "run",
            "status": "open",
        }
        for number, each in enumerate(tickets, start=1)
    ]
    return pl.DataFrame(records, schema=QUARANTINE.dtypes)
