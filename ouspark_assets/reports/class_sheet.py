"""The content of a class sheet: a row per student, a column per subject, totals below.

Plain values and the kind of each cell; fonts and colours are up to `workbook.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from ouspark_assets.domain.grades import State
from ouspark_assets.reports.report_data import (
    TOTALS,
    ClassKey,
    ReportNames,
    ReportTables,
    subject_totals,
)

FIXED_COLUMNS = ("Hall ticket", "Name")
REMARK = "Remark"
OPEN_STATES = (State.FAILED.value, State.ABSENT.value)


class CellKind(StrEnum):
    """The kind of a cell, which determines its colours."""

    PLAIN = "plain"
    FAILED = "failed"
    ABSENT = "absent"
    PENDING = "pending"
    DISTINCTION = "distinction"
    NO_RESULT = "no result"
    TOTAL = "total"


KINDS_OF_STATES = {
    State.FAILED.value: CellKind.FAILED,
    State.ABSENT.value: CellKind.ABSENT,
    State.PENDING.value: CellKind.PENDING,
}


@dataclass(frozen=True)
class Cell:
    """A value and its kind."""

    value: str | float | int | None
    kind: CellKind = CellKind.PLAIN


@dataclass(frozen=True)
class Sheet:
    """Rows of cells under two heading rows: codes, and the names of subjects."""

    key: ClassKey
    title: str
    subtitle: str
    headings: tuple[str, ...]
    subject_names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[tuple[Cell, ...], ...]
    subjects: pl.DataFrame


def class_sheet(key: ClassKey, tables: ReportTables, names: ReportNames) -> Sheet:
    """Return the sheet of a class."""
    totals = subject_totals(tables.grades, names.subjects)
    codes = totals["subject_code"].to_list()
    semesters = tables.semesters["semester"].unique().sort().to_list()
    last_columns = {"cgpa": "CGPA", "open": "Open subjects", "pending": "Pending"}
    if not tables.release:
        # Ranks exist for standings only.
        last_columns |= {"rank": "Rank in class", "remark": REMARK}
    elif tables.no_results.height:
        last_columns |= {"remark": REMARK}
    without_result = set(tables.no_results["hall_ticket"])
    graded = tables.grades.select("hall_ticket", "subject_code", "grade", "points", "state")
    grades = {(ticket, code): rest for ticket, code, *rest in graded.iter_rows()}
    averages = tables.semesters.select("hall_ticket", "semester", "sgpa")
    sgpas = {(ticket, semester): sgpa for ticket, semester, sgpa in averages.iter_rows()}
    rows = []
    for student in _with_last_columns(tables).sort("hall_ticket").iter_rows(named=True):
        ticket = student["hall_ticket"]
        is_without = ticket in without_result
        kind = CellKind.NO_RESULT if is_without else CellKind.PLAIN
        row = [Cell(ticket, kind), Cell(student["name"], kind)]
        row += [_grade(grades.get((ticket, code)), names.distinction) for code in codes]
        row += [_gpa(sgpas.get((ticket, number)), names.distinction) for number in semesters]
        row += [_last_cell(name, student[name], names.distinction) for name in last_columns]
        if is_without:
            row[-1] = Cell(row[-1].value, kind)
        rows.append(tuple(row))
    return Sheet(
        key=key,
        title=f"{names.college(key.college)}: {names.branch(key.branch)}",
        subtitle=f"Admitted {key.admission_year}, {_count(len(rows), without_result)}."
        f" {names.title}",
        headings=(
            *FIXED_COLUMNS,
            *codes,
            *(f"SGPA {semester}" for semester in semesters),
            *last_columns.values(),
        ),
        subject_names=("", "", *(name or "" for name in totals["subject_name"])),
        rows=tuple(rows),
        totals=tuple(
            tuple(Cell(value, CellKind.TOTAL) for value in (None, heading, *totals[column]))
            for column, heading in TOTALS.items()
        ),
        subjects=totals,
    )


def _count(students: int, without_result: Collection[str]) -> str:
    without = f", {len(without_result)} of them without a result" if without_result else ""
    return f"{students} students{without}"


def _grade(graded: Sequence[Any] | None, distinction: float) -> Cell:
    if graded is None:
        return Cell(None)
    grade, points, state = graded
    if points is not None and points >= distinction:
        return Cell(grade, CellKind.DISTINCTION)
    return Cell(grade or "?", KINDS_OF_STATES.get(state, CellKind.PLAIN))


def _gpa(value: float | None, distinction: float) -> Cell:
    is_distinction = value is not None and value >= distinction
    return Cell(value, CellKind.DISTINCTION if is_distinction else CellKind.PLAIN)


def _last_cell(column: str, value: Any, distinction: float) -> Cell:
    if column == "cgpa":
        return _gpa(value, distinction)
    kinds = {"open": CellKind.FAILED, "pending": CellKind.PENDING}
    return Cell(value, kinds.get(column, CellKind.PLAIN) if value else CellKind.PLAIN)


def _with_last_columns(tables: ReportTables) -> pl.DataFrame:
    """Return the students with CGPA, open and pending subjects, rank and remark.

    Students without a result are among them, and their remark is the sentence of the site.
    """
    known = tables.students.select("hall_ticket", "name")
    unknown = tables.no_results.join(known, on="hall_ticket", how="anti")
    sentences = tables.no_results.select(
        "hall_ticket", pl.format("no result in {}: {}", "release", "sentence").alias("sentence")
    )
    counts = tables.grades.group_by("hall_ticket").agg(
        pl.col("state").is_in(OPEN_STATES).sum().alias("open"),
        (pl.col("state") == State.PENDING.value).sum().alias("pending"),
    )
    ranks = tables.rankings.filter(pl.col("scope") == "class").select(
        "hall_ticket", "rank", pl.col("unranked_because").alias("remark")
    )
    is_known = pl.col("hall_ticket").is_in(known["hall_ticket"].implode())
    return (
        pl.concat([known, unknown.select(known.columns)])
        .join(tables.cgpas.select("hall_ticket", "cgpa"), on="hall_ticket", how="left")
        .join(counts, on="hall_ticket", how="left")
        .join(ranks, on="hall_ticket", how="left")
        .join(sentences, on="hall_ticket", how="left")
        .with_columns(
            pl.when(is_known).then(pl.col("open", "pending").fill_null(0)),
            pl.concat_str("sentence", "remark", separator="; ", ignore_nulls=True)
            .replace("", None)
            .alias("remark"),
        )
    )
