"""The data of reports: the tables, their split by class, and the totals of subjects.

Without a release, grades and SGPAs are the standings. With one, they are those that the pages of
the release print.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

import polars as pl

from ouspark_assets.domain.grades import State, state_expression
from ouspark_assets.domain.hall_tickets import hall_ticket_parts
from ouspark_assets.domain.rounding import HUNDRED, percent_half_up, ratio_half_up

# Columns of `subject_totals` and their headings.
TOTALS = {
    "appeared": "Appeared",
    "passed": "Passed",
    "failed": "Failed",
    "absent": "Absent",
    "pending": "Pending",
    "pass_percent": "Pass %",
    "mean_points": "Mean points",
}
NO_RESULT_COLUMNS = ("hall_ticket", "name", "release", "sentence")
CLASS_COLUMNS = ("college_code", "branch_code", "admission_year")


@dataclass(frozen=True, order=True)
class ClassKey:
    """A class: college, branch and admission year."""

    college: str
    branch: str
    admission_year: int

    def __str__(self) -> str:
        return f"{self.college}-{self.branch}-{self.admission_year}"


@dataclass(frozen=True)
class ReportTables:
    """Rows of students; `release` is the one to report on, None for the standings."""

    release: str | None
    students: pl.DataFrame
    # hall_ticket, subject_code, semester, credits, grade, points, state
    grades: pl.DataFrame
    # hall_ticket, semester, sgpa, status
    semesters: pl.DataFrame
    # hall_ticket, cgpa
    cgpas: pl.DataFrame
    rankings: pl.DataFrame
    # hall_ticket, name (null if never found), release, sentence
    no_results: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=dict.fromkeys(NO_RESULT_COLUMNS, pl.String))
    )


@dataclass(frozen=True)
class ReportNames:
    """The names of codes, the date of the data, and the title of the report."""

    colleges: dict[str, str | None]
    branches: dict[str, str | None]
    subjects: dict[str, str | None]
    as_of: datetime
    # What is reported: the standings, or a release.
    title: str
    # Grade points, SGPAs and CGPAs of at least this much are highlighted.
    distinction: float = 9.0

    def college(self, code: str) -> str:
        """Return the code and, if known, the name of a college."""
        return _code_and_name(code, self.colleges)

    def branch(self, code: str) -> str:
        """Return the code and, if known, the name of a branch."""
        return _code_and_name(code, self.branches)


def latest_no_results(
    no_results: pl.DataFrame, students: pl.DataFrame, releases: Sequence[str]
) -> pl.DataFrame:
    """Return the hall tickets whose latest answer is a sentence instead of a result.

    `releases` are the keys in release order. Students who got a result later are left out.
    """
    order = pl.DataFrame({"release": releases}, schema={"release": pl.String}).with_row_index("at")
    found = students.select("hall_ticket", "name", pl.col("last_release").alias("release")).join(
        order, on="release", how="left"
    )
    return (
        no_results.join(order, on="release", how="left")
        .sort("at", nulls_last=False)
        .unique("hall_ticket", keep="last")
        .join(found, on="hall_ticket", how="left", suffix="_found")
        .filter(pl.col("at_found").is_null() | (pl.col("at") > pl.col("at_found")))
        .select(NO_RESULT_COLUMNS)
        .sort("hall_ticket")
    )


def restrict_to_release(
    tables: ReportTables,
    release: str,
    marks: pl.DataFrame,
    results: pl.DataFrame,
    no_results: pl.DataFrame | None = None,
) -> ReportTables:
    """Return the students of a release with the grades, SGPAs and CGPAs that it prints.

    `no_results` are the rows of the release that have a sentence instead.
    """
    grades = marks.with_columns(state_expression().alias("state")).select(tables.grades.columns)
    printed = results.select(
        "hall_ticket", "semester", pl.col("sgpa_printed").alias("sgpa"), "status"
    )
    cgpas = results.group_by("hall_ticket").agg(pl.col("cgpa_printed").max().alias("cgpa"))
    students = tables.students.join(
        pl.concat([marks.select("hall_ticket"), results.select("hall_ticket")]).unique(),
        on="hall_ticket",
        how="semi",
    )
    empty = tables.rankings.clear()
    without = tables.no_results.clear()
    if no_results is not None:
        named = tables.students.select("hall_ticket", "name")
        without = no_results.join(named, on="hall_ticket", how="left").select(NO_RESULT_COLUMNS)
    return replace(
        tables, release=release, students=students, grades=grades, semesters=printed,
        cgpas=cgpas, rankings=empty, no_results=without,
    )  # fmt: skip


def split_by_class(tables: ReportTables) -> Iterator[tuple[ClassKey, ReportTables]]:
    """Yield each class with its rows, by college, branch and year."""
    parts = {
        field.name: _group_by_class(getattr(tables, field.name))
        for field in fields(tables)
        if field.name != "release"
    }
    for key in sorted(parts["students"].keys() | parts["no_results"].keys()):
        rows = {
            name: groups.get(key, getattr(tables, name).clear()) for name, groups in parts.items()
        }
        yield ClassKey(*key), ReportTables(tables.release, **rows)


def combine_classes(parts: Sequence[ReportTables]) -> ReportTables:
    """Return the rows of several classes as one."""
    return ReportTables(
        parts[0].release,
        *(
            pl.concat([getattr(part, field.name) for part in parts])
            for field in fields(ReportTables)
            if field.name != "release"
        ),
    )


def subject_totals(grades: pl.DataFrame, names: Mapping[str, str | None]) -> pl.DataFrame:
    """Return the name, counts by state, pass percentage and mean points of each subject.

    As everywhere, appeared = passed + failed; absent and pending are separate.
    """
    counts = [
        (pl.col("state") == state.value).sum().cast(pl.Int64).alias(state.value) for state in State
    ]
    appeared = pl.col("passed") + pl.col("failed")
    points = pl.col("points").filter(pl.col("state").is_in(["passed", "failed"]))
    totals = (
        grades.group_by("subject_code")
        .agg(
            pl.col("semester").max(),
            pl.col("credits").max(),
            *counts,
            points.cast(pl.Int64).sum().alias("_points"),
        )
        .with_columns(appeared.alias("appeared"))
        .with_columns(
            percent_half_up(pl.col("passed"), pl.col("appeared")).alias("pass_percent"),
            ratio_half_up(HUNDRED * pl.col("_points"), HUNDRED * pl.col("appeared")).alias(
                "mean_points"
            ),
        )
        .drop("_points")
        .sort("semester", "subject_code", nulls_last=True)
    )
    subject_names = [names.get(code) for code in totals["subject_code"]]
    return totals.with_columns(pl.Series("subject_name", subject_names, pl.String))


def _group_by_class(frame: pl.DataFrame) -> dict[tuple[str, str, int], pl.DataFrame]:
    parts = [part for part in hall_ticket_parts() if part.meta.output_name() in CLASS_COLUMNS]
    grouped = frame.with_columns(parts).partition_by(CLASS_COLUMNS, as_dict=True)
    return {
        (str(college), str(branch), int(str(year))): rows.select(frame.columns)
        for (college, branch, year), rows in grouped.items()
    }


def _code_and_name(code: str, names: dict[str, str | None]) -> str:
    name = names.get(code)
    return f"{code} {name}" if name else code
