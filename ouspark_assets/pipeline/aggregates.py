"""The aggregates as data: which table is computed from which tables by which function.

What each function computes is in `analytics/`. Reading, validating and writing the tables is in
`compute.py`; how an aggregate becomes an asset is in `orchestration/assets/analytics.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from ouspark_assets.analytics.attempts import compute_attempts
from ouspark_assets.analytics.completeness import find_missing_history
from ouspark_assets.analytics.demographics import compute_demographics
from ouspark_assets.analytics.group_stats import compute_group_stats
from ouspark_assets.analytics.options import Options
from ouspark_assets.analytics.rankings import (
    compute_college_rankings,
    compute_department_rankings,
    compute_student_rankings,
)
from ouspark_assets.analytics.release_stats import compute_semester_stats, compute_subject_stats
from ouspark_assets.analytics.revaluation_impact import compute_revaluation_impact
from ouspark_assets.analytics.semester_gpas import compute_semester_gpas
from ouspark_assets.analytics.standings import compute_backlogs, compute_standings
from ouspark_assets.analytics.student_cgpas import compute_student_cgpas
from ouspark_assets.analytics.student_credits import compute_student_credits
from ouspark_assets.schemas import analytics as tables
from ouspark_assets.schemas.clean import MARKS, QUARANTINE, RESULTS, STUDENTS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table


@dataclass(frozen=True)
class Aggregate:
    """A table that depends on nothing but other tables and the options.

    `function` takes the frames of `reads` as arguments named like the tables, and `options` if
    `takes_options`.
    """

    table: Table
    reads: Sequence[Table]
    function: Callable[..., pl.DataFrame]
    takes_options: bool = False

    def compute(self, frames: Mapping[str, pl.DataFrame], options: Options) -> pl.DataFrame:
        """Return the rows of the table, computed from the frames of its inputs by name."""
        inputs = {table.name: frames[table.name] for table in self.reads}
        chosen = {"options": options} if self.takes_options else {}
        return self.function(**inputs, **chosen)


def _standings(
    marks: pl.DataFrame, release_index: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    return compute_standings(compute_attempts(marks, release_index, subjects))


def _revaluation_impact(
    marks: pl.DataFrame, release_index: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    return compute_revaluation_impact(
        compute_attempts(marks, release_index, subjects), release_index
    )


def _student_cgpas(
    *,
    students: pl.DataFrame,
    standings: pl.DataFrame,
    semester_gpas: pl.DataFrame,
    results: pl.DataFrame,
    quarantine: pl.DataFrame,
    release_index: pl.DataFrame,
    options: Options,
) -> pl.DataFrame:
    open_records = quarantine.filter(pl.col("status") == "open").select("hall_ticket").unique()
    missing = find_missing_history(students, semester_gpas, results, release_index, open_records)
    return compute_student_cgpas(students, standings, missing, options)


_GROUP_INPUTS = (STUDENTS, tables.STUDENT_CGPAS, tables.STUDENT_RANKINGS)

AGGREGATES = (
    Aggregate(tables.STANDINGS, (MARKS, RELEASE_INDEX, SUBJECTS), _standings),
    Aggregate(
        tables.SEMESTER_GPAS, (tables.STANDINGS, RESULTS, RELEASE_INDEX), compute_semester_gpas
    ),
    Aggregate(
        tables.STUDENT_CGPAS,
        (STUDENTS, tables.STANDINGS, tables.SEMESTER_GPAS, RESULTS, QUARANTINE, RELEASE_INDEX),
        _student_cgpas,
        takes_options=True,
    ),
    Aggregate(
        tables.STUDENT_CREDITS, (STUDENTS, tables.STANDINGS, SUBJECTS), compute_student_credits
    ),
    Aggregate(tables.STUDENT_RANKINGS, (STUDENTS, tables.STUDENT_CGPAS), compute_student_rankings),
    *(
        Aggregate(table, _GROUP_INPUTS, partial(compute_group_stats, table, scope))
        for table, scope in ((tables.COLLEGE_STATS, "college"), (tables.DEPARTMENT_STATS, "class"))
    ),
    Aggregate(
        tables.COLLEGE_RANKINGS,
        (tables.COLLEGE_STATS,),
        compute_college_rankings,
        takes_options=True,
    ),
    Aggregate(
        tables.DEPARTMENT_RANKINGS,
        (tables.DEPARTMENT_STATS,),
        compute_department_rankings,
        takes_options=True,
    ),
    Aggregate(
        tables.DEMOGRAPHICS,
        (STUDENTS, tables.STUDENT_CGPAS),
        compute_demographics,
        takes_options=True,
    ),
    Aggregate(tables.SEMESTER_STATS, (MARKS, RESULTS, SUBJECTS), compute_semester_stats),
    Aggregate(
        tables.BACKLOGS, (tables.STANDINGS, MARKS, RELEASE_INDEX, SUBJECTS), compute_backlogs
    ),
    Aggregate(tables.REVALUATION_IMPACT, (MARKS, RELEASE_INDEX, SUBJECTS), _revaluation_impact),
    Aggregate(
        tables.SUBJECT_STATS,
        (MARKS, RELEASE_INDEX, SUBJECTS, tables.REVALUATION_IMPACT),
        compute_subject_stats,
    ),
)
