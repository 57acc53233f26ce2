"""A class as a sheet: a row per student, a column per subject, totals below.

Plain values and what kind of cell each is; how that looks is `workbook.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from ouspark_assets.domain.grades import State
from ouspark_assets.reports.figures import subject_figures
from ouspark_assets.reports.source import ClassName, Names, Source

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


class Look(StrEnum):
    """What kind of cell it is."""

    PLAIN = "plain"
    FAILED = "failed"
    ABSENT = "absent"
    PENDING = "pending"
    DISTINCTION = "distinction"
    TOTAL = "total"


LOOKS = {
    State.FAILED.value: Look.FAILED,
    State.ABSENT.value: Look.ABSENT,
    State.PENDING.value: Look.PENDING,
}


@dataclass(frozen=True)
class Cell:
    """A value and its look."""

    value: CellValue
    look: Look = Look.PLAIN


@dataclass(frozen=True)
class Sheet:
    """A class as rows of cells under two lines of headings: codes, and what they stand for."""

    name: ClassName
    title: str
    subtitle: str
    headings: tuple[str, ...]
    meanings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[tuple[Cell, ...], ...]
    subjects: pl.DataFrame


def class_sheet(name: ClassName, source: Source, names: Names) -> Sheet:
    """The sheet of a class."""
    figures = subject_figures(source.grades)
    codes = figures["subject_code"].to_list()
    semesters = source.semesters["semester"].unique().sort().to_list()
    ends, known = _end_columns(source), _Known.of(source, names.distinction)
    rows = tuple(
        _student_row(student, known, codes, semesters, ends)
        for student in source.students.sort("hall_ticket").iter_rows(named=True)
    )
    return Sheet(
        name=name,
        title=f"{names.college(name.college)}: {names.branch(name.branch)}",
        subtitle=f"Admitted {name.admission_year}, {len(rows)} students. {names.title}",
        headings=(*FIXED_COLUMNS, *codes, *(f"SGPA {it}" for it in semesters), *ends.values()),
        meanings=("", "", *(names.subjects.get(code) or "" for code in codes)),
        rows=rows,
        totals=tuple(_total_row(label, figures[column]) for label, column in TOTALS.items()),
        subjects=figures.with_columns(
            pl.Series("subject_name", [names.subjects.get(code) for code in codes], pl.String)
        ),
    )


@dataclass(frozen=True)
class _Known:
    """What is known of the students of a class, by hall ticket."""

    grades: Mapping[tuple[str, str], tuple[str, int | None, str]]
    sgpas: Mapping[tuple[str, int], float | None]
    ends: Mapping[str, Mapping[str, object]]
    distinction: float

    @classmethod
    def of(cls, source: Source, distinction: float) -> "_Known":
        graded = source.grades.select("hall_ticket", "subject_code", "grade", "points", "state")
        sgpas = source.semesters.select("hall_ticket", "semester", "sgpa")
        ends = {row["hall_ticket"]: row for row in _ends(source).iter_rows(named=True)}
        return cls(
            {(ticket, code): tuple(rest) for ticket, code, *rest in graded.iter_rows()},
            {(ticket, semester): sgpa for ticket, semester, sgpa in sgpas.iter_rows()},
            ends,
            distinction,
        )

    def grade(self, ticket: str, code: str) -> Cell:
        """The grade of a student in a subject."""
        found = self.grades.get((ticket, code))
        if found is None:
            return Cell(None)
        grade, points, state = found
        if points is not None and points >= self.distinction:
            return Cell(grade, Look.DISTINCTION)
        return Cell(grade or "?", LOOKS.get(state, Look.PLAIN))

    def gpa(self, value: object) -> Cell:
        """An SGPA or CGPA."""
        if not isinstance(value, float):
            return Cell(None)
        return Cell(value, Look.DISTINCTION if value >= self.distinction else Look.PLAIN)

    def end(self, column: str, value: object) -> Cell:
        """A cell at the right end."""
        if column == "cgpa":
            return self.gpa(value)
        shown = value if isinstance(value, str | int) else None
        looks = {"open": Look.FAILED, "pending": Look.PENDING}
        return Cell(shown, looks.get(column, Look.PLAIN) if shown else Look.PLAIN)


def _end_columns(source: Source) -> Mapping[str, str]:
    """The columns at the right end: ranks are of what counts, not of one release."""
    always = {"cgpa": "CGPA", "open": "Open subjects", "pending": "Pending"}
    return always if source.release else {**always, "rank": "Rank in class", "remark": "Remark"}


def _ends(source: Source) -> pl.DataFrame:
    counts = source.grades.group_by("hall_ticket").agg(
        pl.col("state").is_in(OPEN_STATES).sum().alias("open"),
        (pl.col("state") == State.PENDING.value).sum().alias("pending"),
    )
    ranks = source.rankings.filter(pl.col("scope") == "class").select(
        "hall_ticket", "rank", pl.col("unranked_because").alias("remark")
    )
    return (
        source.students.select("hall_ticket")
        .join(source.cgpas.select("hall_ticket", "cgpa"), on="hall_ticket", how="left")
        .join(counts, on="hall_ticket", how="left")
        .join(ranks, on="hall_ticket", how="left")
        .with_columns(pl.col("open", "pending").fill_null(0))
    )


def _student_row(
    student: Mapping[str, str],
    known: _Known,
    codes: Sequence[str],
    semesters: Sequence[int],
    ends: Mapping[str, str],
) -> tuple[Cell, ...]:
    ticket = student["hall_ticket"]
    row = known.ends[ticket]
    return (
        Cell(ticket),
        Cell(student["name"]),
        *(known.grade(ticket, code) for code in codes),
        *(known.gpa(known.sgpas.get((ticket, semester))) for semester in semesters),
        *(known.end(column, row[column]) for column in ends),
    )


def _total_row(label: str, values: pl.Series) -> tuple[Cell, ...]:
    return (
        Cell(None, Look.TOTAL),
        Cell(label, Look.TOTAL),
        *(Cell(value, Look.TOTAL) for value in values),
    )
