"""The content of a class sheet: a row per student, a column per subject, totals below.

Plain values and the kind of each cell; fonts and colours are up to `workbook.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from ouspark_assets.domain.grades import State
from ouspark_assets.reports.report_data import (
    ClassKey,
    ReportNames,
    ReportTables,
    subject_totals,
)

CellValue = str | float | int | None
TOTALS = {
    "Appeared": "appeared",
    "Passed": "passed",
    "Failed": "failed",
    "Absent": "absent",
    "Pending": "pending",
    "Pass %": "pass_percent",
    "Mean points": "mean_points",
}
FIXED_COLUMNS = ("Hall ticket", "Name")
OPEN_STATES = (State.FAILED.value, State.ABSENT.value)


class CellKind(StrEnum):
    """The kind of a cell, which determines its colours."""

    PLAIN = "plain"
    FAILED = "failed"
    ABSENT = "absent"
    PENDING = "pending"
    DISTINCTION = "distinction"
    TOTAL = "total"


KINDS_OF_STATES = {
    State.FAILED.value: CellKind.FAILED,
    State.ABSENT.value: CellKind.ABSENT,
    State.PENDING.value: CellKind.PENDING,
}


@dataclass(frozen=True)
class Cell:
    """A value and its kind."""

    value: CellValue
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
    totals = subject_totals(tables.grades)
    codes = totals["subject_code"].to_list()
    semesters = tables.semesters["semester"].unique().sort().to_list()
    last_columns = _last_columns(tables)
    students = _StudentValues.of(tables, names.distinction)
    rows = tuple(
        _student_row(student, students, codes, semesters, last_columns)
        for student in tables.students.sort("hall_ticket").iter_rows(named=True)
    )
    return Sheet(
        key=key,
        title=f"{names.college(key.college)}: {names.branch(key.branch)}",
        subtitle=f"Admitted {key.admission_year}, {len(rows)} students. {names.title}",
        headings=(
            *FIXED_COLUMNS,
            *codes,
            *(f"SGPA {semester}" for semester in semesters),
            *last_columns.values(),
        ),
        subject_names=("", "", *(names.subjects.get(code) or "" for code in codes)),
        rows=rows,
        totals=tuple(_total_row(label, totals[column]) for label, column in TOTALS.items()),
        subjects=totals.with_columns(
            pl.Series("subject_name", [names.subjects.get(code) for code in codes], pl.String)
        ),
    )


@dataclass(frozen=True)
class _StudentValues:
    """The values of the students of a class, as cells."""

    grades: Mapping[tuple[str, str], tuple[str, int | None, str]]
    sgpas: Mapping[tuple[str, int], float | None]
    last: Mapping[str, Mapping[str, object]]
    distinction: float

    @classmethod
    def of(cls, tables: ReportTables, distinction: float) -> "_StudentValues":
        grades = tables.grades.select("hall_ticket", "subject_code", "grade", "points", "state")
        sgpas = tables.semesters.select("hall_ticket", "semester", "sgpa")
        last = {row["hall_ticket"]: row for row in _last_values(tables).iter_rows(named=True)}
        return cls(
            {(ticket, code): tuple(rest) for ticket, code, *rest in grades.iter_rows()},
            {(ticket, semester): sgpa for ticket, semester, sgpa in sgpas.iter_rows()},
            last,
            distinction,
        )

    def grade(self, ticket: str, code: str) -> Cell:
        """Return the grade of a student in a subject."""
        graded = self.grades.get((ticket, code))
        if graded is None:
            return Cell(None)
        grade, points, state = graded
        if points is not None and points >= self.distinction:
            return Cell(grade, CellKind.DISTINCTION)
        return Cell(grade or "?", KINDS_OF_STATES.get(state, CellKind.PLAIN))

    def gpa(self, value: object) -> Cell:
        """Return an SGPA or CGPA."""
        if not isinstance(value, float):
            return Cell(None)
        return Cell(value, CellKind.DISTINCTION if value >= self.distinction else CellKind.PLAIN)

    def last_column(self, column: str, value: object) -> Cell:
        """Return the cell of one of the last columns."""
        if column == "cgpa":
            return self.gpa(value)
        shown = value if isinstance(value, str | int) else None
        kinds = {"open": CellKind.FAILED, "pending": CellKind.PENDING}
        return Cell(shown, kinds.get(column, CellKind.PLAIN) if shown else CellKind.PLAIN)


def _last_columns(tables: ReportTables) -> Mapping[str, str]:
    """Return names and headings of the last columns; ranks exist for standings only."""
    always = {"cgpa": "CGPA", "open": "Open subjects", "pending": "Pending"}
    return always if tables.release else {**always, "rank": "Rank in class", "remark": "Remark"}


def _last_values(tables: ReportTables) -> pl.DataFrame:
    counts = tables.grades.group_by("hall_ticket").agg(
        pl.col("state").is_in(OPEN_STATES).sum().alias("open"),
        (pl.col("state") == State.PENDING.value).sum().alias("pending"),
    )
    ranks = tables.rankings.filter(pl.col("scope") == "class").select(
        "hall_ticket", "rank", pl.col("unranked_because").alias("remark")
    )
    return (
        tables.students.select("hall_ticket")
        .join(tables.cgpas.select("hall_ticket", "cgpa"), on="hall_ticket", how="left")
        .join(counts, on="hall_ticket", how="left")
        .join(ranks, on="hall_ticket", how="left")
        .with_columns(pl.col("open", "pending").fill_null(0))
    )


def _student_row(
    student: Mapping[str, str],
    values: _StudentValues,
    codes: Sequence[str],
    semesters: Sequence[int],
    last_columns: Mapping[str, str],
) -> tuple[Cell, ...]:
    ticket = student["hall_ticket"]
    row = values.last[ticket]
    return (
        Cell(ticket),
        Cell(student["name"]),
        *(values.grade(ticket, code) for code in codes),
        *(values.gpa(values.sgpas.get((ticket, semester))) for semester in semesters),
        *(values.last_column(column, row[column]) for column in last_columns),
    )


def _total_row(label: str, values: pl.Series) -> tuple[Cell, ...]:
    return (
        Cell(None, CellKind.TOTAL),
        Cell(label, CellKind.TOTAL),
        *(Cell(value, CellKind.TOTAL) for value in values),
    )
