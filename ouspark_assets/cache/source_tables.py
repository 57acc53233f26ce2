"""The published tables that documents are built from, as frames, and batches of students.

Reading them from production is `prewarm.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.table import Table

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
        """Collect the frames of the tables in `SOURCES`, each sorted by its key.

        The hall ticket comes first, so that the rows of consecutive students are a slice.
        """
        return cls(
            **{
                table.name: frame.sort(sorted(table.key, key=lambda name: name != TICKET))
                for table, frame in frames.items()
            }
        )

    def student_batches(self, size: int) -> Iterator["PublishedTables"]:
        """Yield these tables with the rows of `size` students at a time.

        The batches are slices: nothing is copied.
        """
        for students in self.students.iter_slices(size):
            first, last = students[TICKET][0], students[TICKET][-1]
            slices = {}
            for name, frame in vars(self).items():
                if TICKET in frame.columns:
                    begin = frame[TICKET].search_sorted(first, side="left")
                    slices[name] = frame[begin : frame[TICKET].search_sorted(last, side="right")]
            yield replace(self, **slices)


SOURCES = tuple(
    table for table in PUBLISHED_TABLES if table.name in PublishedTables.__dataclass_fields__
)
