"""What reports are made of: the tables as read, and the part of them that is of one class.

With a release, grades and SGPAs are those that its pages print; without one, those that count.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime

import polars as pl

from ouspark_assets.domain.grades import state_expression
from ouspark_assets.domain.hall_tickets import hall_ticket_parts

CLASS_KEY = ("college_code", "branch_code", "admission_year")


@dataclass(frozen=True, order=True)
class ClassName:
    """A class: a branch of a college in an admission year."""

    college: str
    branch: str
    admission_year: int

    def __str__(self) -> str:
        return f"{self.college}-{self.branch}-{self.admission_year}"


@dataclass(frozen=True)
class Source:
    """Rows of students; `release` is the one whose pages are shown, None for what counts."""

    release: str | None
    students: pl.DataFrame
    # hall_ticket, subject_code, semester, credits, grade, points, state
    grades: pl.DataFrame
    # hall_ticket, semester, sgpa, status
    semesters: pl.DataFrame
    # hall_ticket, cgpa, and with what counts: open_subjects, pending_subjects, incomplete…
    cgpas: pl.DataFrame
    rankings: pl.DataFrame


@dataclass(frozen=True)
class Names:
    """What codes stand for, and the date that files carry."""

    colleges: dict[str, str | None]
    branches: dict[str, str | None]
    subjects: dict[str, str | None]
    as_of: datetime
    # What the grades are: those of a release, or those that count.
    title: str
    # Grade points, SGPAs and CGPAs from here on stand out.
    distinction: float = 9.0

    def college(self, code: str) -> str:
        """A college by its code, with its name where it is known."""
        return _named(code, self.colleges)

    def branch(self, code: str) -> str:
        """A branch by its code, with its name where it is known."""
        return _named(code, self.branches)


def of_release(source: Source, release: str, marks: pl.DataFrame, results: pl.DataFrame) -> Source:
    """The same students, with what the pages of this release print of them."""
    grades = marks.with_columns(state_expression().alias("state")).select(source.grades.columns)
    printed = results.select(
        "hall_ticket", "semester", pl.col("sgpa_printed").alias("sgpa"), "status"
    )
    cgpas = results.group_by("hall_ticket").agg(pl.col("cgpa_printed").max().alias("cgpa"))
    students = source.students.join(
        pl.concat([marks.select("hall_ticket"), results.select("hall_ticket")]).unique(),
        on="hall_ticket",
        how="semi",
    )
    empty = source.rankings.clear()
    return replace(
        source, release=release, students=students, grades=grades, semesters=printed,
        cgpas=cgpas, rankings=empty,
    )  # fmt: skip


def classes(source: Source) -> Iterator[tuple[ClassName, Source]]:
    """Each class with its own rows, in order."""
    parts = {
        item.name: _by_class(getattr(source, item.name))
        for item in fields(source)
        if item.name != "release"
    }
    for key in sorted(parts["students"]):
        of_class = {
            name: found.get(key, getattr(source, name).clear()) for name, found in parts.items()
        }
        yield ClassName(*key), Source(source.release, **of_class)


def _by_class(frame: pl.DataFrame) -> dict[tuple[str, str, int], pl.DataFrame]:
    parts = [it for it in hall_ticket_parts() if it.meta.output_name() in CLASS_KEY]
    grouped = frame.with_columns(parts).partition_by(CLASS_KEY, as_dict=True)
    columns = frame.columns
    return {
        (str(key[0]), str(key[1]), int(str(key[2]))): rows.select(columns)
        for key, rows in grouped.items()
    }


def _named(code: str, known: dict[str, str | None]) -> str:
    name = known.get(code)
    return f"{code} {name}" if name else code
