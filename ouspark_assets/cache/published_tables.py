"""The published tables that documents are built from, as frames, and batches of students.

Reading them from production is `prewarm.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import polars as pl

from ouspark_assets.schemas.analytics import (
    BACKLOGS,
    COLLEGE_RANKINGS,
    COLLEGE_STATS,
    DEMOGRAPHICS,
    DEPARTMENT_RANKINGS,
    DEPARTMENT_STATS,
    REVALUATION_IMPACT,
    SEMESTER_GPAS,
    SEMESTER_STATS,
    STANDINGS,
    STUDENT_CGPAS,
    STUDENT_CREDITS,
    STUDENT_RANKINGS,
    SUBJECT_STATS,
)
from ouspark_assets.schemas.clean import STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.table import Table

SOURCES = (
    STUDENTS, STANDINGS, SEMESTER_GPAS, STUDENT_CGPAS, STUDENT_CREDITS, STUDENT_RANKINGS, BACKLOGS,
    REVALUATION_IMPACT, COLLEGES, BRANCHES, SUBJECTS, COLLEGE_STATS, DEPARTMENT_STATS,
    COLLEGE_RANKINGS, DEPARTMENT_RANKINGS, DEMOGRAPHICS, SEMESTER_STATS, SUBJECT_STATS,
)  # fmt: skip
TICKET = "hall_ticket"


@dataclass(frozen=True)
class PublishedTables:
    """One frame per table. Tables with a hall ticket are sorted by it."""

    students: pl.DataFrame
    standings: pl.DataFrame
    semester_gpas: pl.DataFrame
    student_cgpas: pl.DataFrame
    student_credits: pl.DataFrame
    student_rankings: pl.DataFrame
    backlogs: pl.DataFrame
    revaluation_impact: pl.DataFrame
    colleges: pl.DataFrame
    branches: pl.DataFrame
    subjects: pl.DataFrame
    college_stats: pl.DataFrame
    department_stats: pl.DataFrame
    college_rankings: pl.DataFrame
    department_rankings: pl.DataFrame
    demographics: pl.DataFrame
    semester_stats: pl.DataFrame
    subject_stats: pl.DataFrame

    @classmethod
    def from_frames(cls, frames: Mapping[Table, pl.DataFrame]) -> "PublishedTables":
        """Sort and collect the frames of the tables in `SOURCES`."""
        return cls(**{table.name: _sorted(table, frame) for table, frame in frames.items()})

    def student_batches(self, size: int) -> Iterator["PublishedTables"]:
        """Yield these tables with the rows of `size` students at a time.

        The batches are slices: nothing is copied.
        """
        for students in self.students.iter_slices(size):
            first, last = students[TICKET][0], students[TICKET][-1]
            slices = {
                field.name: _slice(getattr(self, field.name), first, last)
                for field in fields(self)
                if TICKET in getattr(self, field.name).columns
            }
            yield replace(self, **slices)


def _sorted(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Sort by hall ticket first, so that the rows of consecutive students are a slice."""
    others = [name for name in table.key if name != TICKET]
    return frame.sort(*([TICKET] if TICKET in table.columns else []), *others)


def _slice(frame: pl.DataFrame, first: str, last: str) -> pl.DataFrame:
    begin = frame[TICKET].search_sorted(first, side="left")
    return frame[begin : frame[TICKET].search_sorted(last, side="right")]
