"""What is known of one student: the stored rows that a story is told from."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class StudentRecords:
    """The rows of one student in every table, with the index and the subjects they refer to."""

    students: pl.DataFrame
    marks: pl.DataFrame
    results: pl.DataFrame
    standings: pl.DataFrame
    semester_gpas: pl.DataFrame
    student_cgpas: pl.DataFrame
    student_credits: pl.DataFrame
    student_rankings: pl.DataFrame
    backlogs: pl.DataFrame
    revaluation_impact: pl.DataFrame
    quarantine: pl.DataFrame
    release_index: pl.DataFrame
    subjects: pl.DataFrame
    colleges: pl.DataFrame
    branches: pl.DataFrame
