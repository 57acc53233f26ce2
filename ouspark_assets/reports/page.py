"""A department as one printable HTML page: summary tables and plots, nothing loaded from elsewhere.

What stands on the page; how it looks is `markup.py`, what the numbers mean `analytics/`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ouspark_assets.analytics.group_stats import MAX_TOPPER_RANK
from ouspark_assets.reports import plots
from ouspark_assets.reports.figures import subject_figures
from ouspark_assets.reports.markup import Section, document, figure, table
from ouspark_assets.reports.source import Names, Source

STATS = {
    "admission_year": "Admitted",
    "students": "Students",
    "all_clear": "All clear",
    "with_backlogs": "With backlogs",
    "incomplete": "Incomplete",
    "pass_percent": "Pass %",
    "with_cgpa": "With CGPA",
    "mean_cgpa": "Mean CGPA",
    "median_cgpa": "Median",
    "lowest_cgpa": "Lowest",
    "highest_cgpa": "Highest",
}
RANKS = {
    "admission_year": "Admitted",
    "rank": "Rank among all",
    "out_of": "Out of",
    "rank_in_college": "In the college",
    "rank_in_branch": "In the branch",
    "unranked_because": "Not ranked because",
}
SUBJECTS = {
    "subject_code": "Code",
    "subject_name": "Subject",
    "semester": "Sem",
    "appeared": "Appeared",
    "passed": "Passed",
    "failed": "Failed",
    "absent": "Absent",
    "pending": "Pending",
    "pass_percent": "Pass %",
    "mean_points": "Mean points",
}
SEMESTERS = {
    "semester": "Semester",
    "appeared": "Appeared",
    "all_clear": "All clear",
    "pass_percent": "Pass %",
    "printed_promoted": "Promoted",
    "printed_detained": "Detained",
    "with_sgpa": "SGPAs",
    "mean_sgpa": "Mean SGPA",
    "median_sgpa": "Median",
    "lowest_sgpa": "Lowest",
    "highest_sgpa": "Highest",
}
PLACES = {
    "admission_year": "Admitted",
    "rank": "Rank",
    "hall_ticket": "Hall ticket",
    "name": "Name",
    "value": "CGPA",
}


@dataclass(frozen=True)
class Department:
    """A department: its students, and the statistics that are of it."""

    college: str
    branch: str
    source: Source
    # Rows of analytics.department_stats, of the whole college.
    college_stats: pl.DataFrame
    rankings: pl.DataFrame
    demographics: pl.DataFrame
    # Rows like analytics.semester_stats, of this department in the release shown.
    semester_stats: pl.DataFrame


def department_page(department: Department, names: Names) -> str:
    """The page of a department."""
    title = f"{names.college(department.college)}: {names.branch(department.branch)}"
    sections = _of_release if department.source.release else _of_what_counts
    return document(title, names.title, [*sections(department), *_subjects(department, names)])


def _of_release(department: Department) -> Iterator[Section]:
    yield Section("Semesters in this release", table(department.semester_stats, SEMESTERS))


def _of_what_counts(department: Department) -> Iterator[Section]:
    here = pl.col("branch_code") == department.branch
    stats = department.college_stats.filter(here).sort("admission_year")
    yield Section("Students by year of admission", table(stats, STATS))
    ranked = department.rankings.sort("admission_year")
    yield Section("Rank among departments, by mean CGPA", table(ranked, RANKS))
    yield Section(
        f"First {MAX_TOPPER_RANK} of each class, ties included", table(_places(department), PLACES)
    )
    yield from _plots(department)


def _plots(department: Department) -> Iterator[Section]:
    cgpas = department.source.cgpas.select("hall_ticket", "cgpa")
    if cgpas["cgpa"].count():
        yield Section("CGPA", figure(plots.distribution_of_cgpas(cgpas)))
    yield Section(
        "Beside the other departments of the college",
        figure(plots.comparison_of_departments(department.college_stats)),
    )
    if department.demographics.height:
        # The plot is of the rows that stand for all: here all of this department.
        everyone = department.demographics.with_columns(
            pl.lit(None, pl.String).alias("college_code"),
            pl.lit(None, pl.String).alias("branch_code"),
        )
        yield Section("Gender", figure(plots.gender_ratio(everyone)))


def _subjects(department: Department, names: Names) -> Iterator[Section]:
    figures = subject_figures(department.source.grades)
    named = [names.subjects.get(code) for code in figures["subject_code"]]
    rows = figures.with_columns(pl.Series("subject_name", named, pl.String))
    if rows.height:
        yield Section("Lowest pass percentages", figure(plots.pass_percent_of_subjects(rows)))
    yield Section("Subjects", table(rows, SUBJECTS))


def _places(department: Department) -> pl.DataFrame:
    ranks = department.source.rankings.filter(
        (pl.col("scope") == "class") & (pl.col("rank") <= MAX_TOPPER_RANK)
    )
    students = department.source.students.select("hall_ticket", "name", "admission_year")
    return ranks.join(students, on="hall_ticket").sort("admission_year", "rank", "hall_ticket")


def together(parts: Sequence[Source]) -> Source:
    """The classes of a department as one."""
    return Source(
        parts[0].release,
        *(
            pl.concat([getattr(part, name) for part in parts])
            for name in ("students", "grades", "semesters", "cgpas", "rankings")
        ),
    )
