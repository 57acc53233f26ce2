"""The aggregates as data: into which table, of which tables, by which function.

What each function computes is in `analytics/`; how an aggregate becomes an asset is in
`assets/analytics.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ouspark_assets.analytics.attempts import compute_attempts
from ouspark_assets.analytics.completeness import find_missing_history
from ouspark_assets.analytics.demographics import compute_demographics
from ouspark_assets.analytics.group_stats import compute_college_stats, compute_department_stats
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
from ouspark_assets.reports import plots
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
from ouspark_assets.schemas.clean import MARKS, QUARANTINE, RESULTS, STUDENTS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table

Frames = Mapping[str, pl.DataFrame]
Plot = Callable[[pl.DataFrame], str]


@dataclass(frozen=True)
class Aggregate:
    """A table that is computed from other tables and from nothing else."""

    table: Table
    reads: Sequence[Table]
    compute: Callable[[Frames, Options], pl.DataFrame]
    # Columns of the first rows that may be shown; rows of students never are.
    preview: Sequence[str] = ()
    plot: Plot | None = None

    @property
    def name(self) -> str:
        """Its name in the graph and in messages."""
        return self.table.qualified_name


def _attempts(read: Frames) -> pl.DataFrame:
    return compute_attempts(read["marks"], read["release_index"], read["subjects"])


def _student_cgpas(read: Frames, options: Options) -> pl.DataFrame:
    quarantine = read["quarantine"]
    open_records = quarantine.filter(pl.col("status") == "open").select("hall_ticket").unique()
    missing = find_missing_history(
        read["students"],
        read["semester_gpas"],
        read["results"],
        read["release_index"],
        open_records,
    )
    return compute_student_cgpas(read["students"], read["standings"], missing, options)


def _group_stats(compute: Callable[..., pl.DataFrame]) -> Callable[[Frames, Options], pl.DataFrame]:
    return lambda read, _: compute(
        read["students"], read["student_cgpas"], read["student_rankings"]
    )


def _without(table: Table, *columns: str) -> list[str]:
    return [name for name in table.columns if name not in columns]


AGGREGATES = (
    Aggregate(
        STANDINGS,
        (MARKS, RELEASE_INDEX, SUBJECTS),
        lambda read, _: compute_standings(_attempts(read)),
    ),
    Aggregate(
        SEMESTER_GPAS,
        (STANDINGS, RESULTS, RELEASE_INDEX),
        lambda read, _: compute_semester_gpas(
            read["standings"], read["results"], read["release_index"]
        ),
    ),
    Aggregate(
        STUDENT_CGPAS,
        (STUDENTS, STANDINGS, SEMESTER_GPAS, RESULTS, QUARANTINE, RELEASE_INDEX),
        _student_cgpas,
        plot=plots.distribution_of_cgpas,
    ),
    Aggregate(
        STUDENT_CREDITS,
        (STUDENTS, STANDINGS, SUBJECTS),
        lambda read, _: compute_student_credits(
            read["students"], read["standings"], read["subjects"]
        ),
    ),
    Aggregate(
        STUDENT_RANKINGS,
        (STUDENTS, STUDENT_CGPAS),
        lambda read, _: compute_student_rankings(read["students"], read["student_cgpas"]),
    ),
    Aggregate(
        COLLEGE_STATS,
        (STUDENTS, STUDENT_CGPAS, STUDENT_RANKINGS),
        _group_stats(compute_college_stats),
        preview=_without(COLLEGE_STATS, "toppers"),
        plot=plots.pass_percent_of_colleges,
    ),
    Aggregate(
        DEPARTMENT_STATS,
        (STUDENTS, STUDENT_CGPAS, STUDENT_RANKINGS),
        _group_stats(compute_department_stats),
        preview=_without(DEPARTMENT_STATS, "toppers"),
        plot=plots.comparison_of_departments,
    ),
    Aggregate(
        COLLEGE_RANKINGS,
        (COLLEGE_STATS,),
        lambda read, options: compute_college_rankings(read["college_stats"], options),
        preview=COLLEGE_RANKINGS.columns,
    ),
    Aggregate(
        DEPARTMENT_RANKINGS,
        (DEPARTMENT_STATS,),
        lambda read, options: compute_department_rankings(read["department_stats"], options),
        preview=DEPARTMENT_RANKINGS.columns,
    ),
    Aggregate(
        DEMOGRAPHICS,
        (STUDENTS, STUDENT_CGPAS),
        lambda read, options: compute_demographics(
            read["students"], read["student_cgpas"], options
        ),
        preview=DEMOGRAPHICS.columns,
        plot=plots.gender_ratio,
    ),
    Aggregate(
        SEMESTER_STATS,
        (MARKS, RESULTS, SUBJECTS),
        lambda read, _: compute_semester_stats(read["marks"], read["results"], read["subjects"]),
        preview=SEMESTER_STATS.columns,
    ),
    Aggregate(
        BACKLOGS,
        (STANDINGS, MARKS, RELEASE_INDEX),
        lambda read, _: compute_backlogs(read["standings"], read["marks"], read["release_index"]),
    ),
    Aggregate(
        REVALUATION_IMPACT,
        (MARKS, RELEASE_INDEX, SUBJECTS),
        lambda read, _: compute_revaluation_impact(_attempts(read), read["release_index"]),
    ),
    Aggregate(
        SUBJECT_STATS,
        (MARKS, RELEASE_INDEX, REVALUATION_IMPACT, SUBJECTS),
        lambda read, _: compute_subject_stats(
            read["marks"], read["release_index"], read["subjects"], read["revaluation_impact"]
        ),
        preview=SUBJECT_STATS.columns,
        plot=plots.pass_percent_of_subjects,
    ),
)
