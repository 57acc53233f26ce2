"""`ouspark report`: reads the tables of the reports and writes the files.

The content of the files is built in `reports/`.
"""

import os
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from pathlib import Path

import click
import polars as pl
from psycopg.rows import scalar_row
from rich.progress import BarColumn, MofNCompleteColumn

from ouspark_assets.analytics.release_stats import compute_semester_stats
from ouspark_assets.cli.output import ProgressBars, console
from ouspark_assets.domain.errors import OuSparkError, UsageError
from ouspark_assets.domain.hall_tickets import hall_ticket_parts
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.reports.class_sheet import class_sheet
from ouspark_assets.reports.department_page import Department, department_page
from ouspark_assets.reports.report_data import (
    ClassKey,
    ReportNames,
    ReportTables,
    combine_classes,
    latest_no_results,
    restrict_to_release,
    split_by_class,
)
from ouspark_assets.reports.workbook import workbook_bytes
from ouspark_assets.schemas.analytics import (
    DEMOGRAPHICS,
    DEPARTMENT_RANKINGS,
    DEPARTMENT_STATS,
    SEMESTER_GPAS,
    SEMESTER_STATS,
    STANDINGS,
    STUDENT_CGPAS,
    STUDENT_RANKINGS,
)
from ouspark_assets.schemas.clean import MARKS, NO_RESULTS, RESULTS, STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.services.private_files import make_private
from ouspark_assets.settings import AnalyticsSettings, load_settings
from ouspark_assets.warehouse.core.connection import Connection, read_only_snapshot
from ouspark_assets.warehouse.core.frames import read_releases, read_table

# The date in files while nothing has been loaded.
NOTHING_LOADED = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ReportInput:
    """Everything that the files are made from."""

    tables: ReportTables
    names: ReportNames
    department_stats: pl.DataFrame
    department_rankings: pl.DataFrame
    demographics: pl.DataFrame
    # Rows of the release; empty if the standings are reported.
    marks: pl.DataFrame
    results: pl.DataFrame
    subjects: pl.DataFrame


class FileChange(StrEnum):
    """What happened to a file."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


def write_reports(*, college: str | None, release: str | None, out: Path) -> None:
    """Write an Excel workbook per class and a printable HTML page per department."""
    with Development().connected("report") as connection, read_only_snapshot(connection):
        data = _read(connection, release, load_settings().analytics)
    classes = [
        (key, tables)
        for key, tables in split_by_class(data.tables)
        if college is None or key.college == college
    ]
    if not classes:
        in_release = f" in release {release}" if release else ""
        colleges = dict.fromkeys(key.college for key, _ in split_by_class(data.tables))
        message = (
            f"College {college} has no students{in_release}. Colleges that have: "
            f"{', '.join(colleges)}."
            if colleges
            else f"There is nothing to report{in_release}. `ouspark status` shows which releases "
            "are loaded."
        )
        raise UsageError(message)
    departments = [
        (key, [tables for _, tables in group])
        for key, group in groupby(classes, key=lambda each: (each[0].college, each[0].branch))
    ]
    counts = _write_files(out, _files(data, classes, departments), len(classes) + len(departments))
    changes = ", ".join(f"{count} {change.value}" for change, count in sorted(counts.items()))
    click.echo(f"{len(classes)} workbooks and {len(departments)} pages in {out}: {changes}.")


def write_if_changed(path: Path, data: bytes) -> FileChange:
    """Replace a file atomically, unless it has this content already."""
    try:
        existed = path.exists()
        if existed and path.read_bytes() == data:
            return FileChange.UNCHANGED
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        message = f"Cannot write {path}: {error.strerror}. Choose another folder with --out."
        raise OuSparkError(message) from error
    return FileChange.CHANGED if existed else FileChange.NEW


def _write_files(out: Path, files: Iterator[tuple[str, bytes]], total: int) -> Counter[FileChange]:
    counts: Counter[FileChange] = Counter()
    with ProgressBars(console(), BarColumn(bar_width=None), MofNCompleteColumn()) as progress:
        task = progress.bars.add_task("Writing", total=total)
        for name, data in files:
            counts[write_if_changed(out / name, data)] += 1
            make_private((out / name).parent, 0)
            progress.bars.update(task, advance=1, description=name)
    return counts


def _files(
    data: ReportInput,
    classes: list[tuple[ClassKey, ReportTables]],
    departments: list[tuple[tuple[str, str], list[ReportTables]]],
) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file, so that one at a time is in memory."""
    suffix = f"_{data.tables.release}" if data.tables.release else ""
    for key, tables in classes:
        sheet = class_sheet(key, tables, data.names)
        yield f"{key.college}/{key}{suffix}.xlsx", workbook_bytes(sheet, data.names.as_of)
    for (college, branch), parts in departments:
        page = department_page(_department(data, college, branch, parts), data.names)
        yield f"{college}/{college}-{branch}{suffix}.html", page.encode()


def _department(
    data: ReportInput, college: str, branch: str, parts: list[ReportTables]
) -> Department:
    in_college = pl.col("college_code") == college
    in_department = in_college & (pl.col("branch_code") == branch)
    return Department(
        college=college,
        branch=branch,
        tables=combine_classes(parts),
        college_stats=data.department_stats.filter(in_college),
        rankings=data.department_rankings.filter(in_department),
        demographics=data.demographics.filter(in_department),
        semester_stats=_semester_stats(data, college, branch),
    )


def _semester_stats(data: ReportInput, college: str, branch: str) -> pl.DataFrame:
    """Return the statistics of the release's semesters over this department alone."""
    if data.tables.release is None:
        return SEMESTER_STATS.empty()
    parts = {part.meta.output_name(): part for part in hall_ticket_parts()}
    in_department = (parts["college_code"] == college) & (parts["branch_code"] == branch)
    marks, results = data.marks.filter(in_department), data.results.filter(in_department)
    return compute_semester_stats(marks, results, data.subjects)


def _read(connection: Connection, release: str | None, settings: AnalyticsSettings) -> ReportInput:
    subjects, index = read_table(connection, SUBJECTS), read_table(connection, RELEASE_INDEX)
    tables = _read_standings(connection, in_release_order(index)["release"].to_list())
    marks, results = MARKS.empty(), RESULTS.empty()
    if release is not None:
        if release not in index["release"]:
            message = (
                f"Unknown release {release}. `ouspark releases list` shows the known releases."
            )
            raise UsageError(message)
        marks = read_releases(connection, MARKS, [release])
        results = read_releases(connection, RESULTS, [release])
        no_results = read_releases(connection, NO_RESULTS, [release])
        tables = restrict_to_release(tables, release, marks, results, no_results)
    return ReportInput(
        tables=tables,
        names=_read_names(connection, release, index, subjects, settings),
        department_stats=read_table(connection, DEPARTMENT_STATS),
        department_rankings=read_table(connection, DEPARTMENT_RANKINGS),
        demographics=read_table(connection, DEMOGRAPHICS),
        marks=marks,
        results=results,
        subjects=subjects,
    )


def _read_standings(connection: Connection, releases: Sequence[str]) -> ReportTables:
    students = read_table(connection, STUDENTS)
    return ReportTables(
        release=None,
        students=students,
        grades=read_table(connection, STANDINGS).select(
            "hall_ticket", "subject_code", "semester", "credits", "grade", "points", "state"
        ),
        semesters=read_table(connection, SEMESTER_GPAS).select(
            "hall_ticket", "semester", "sgpa", pl.col("state").alias("status")
        ),
        cgpas=read_table(connection, STUDENT_CGPAS).select("hall_ticket", "cgpa"),
        rankings=read_table(connection, STUDENT_RANKINGS),
        no_results=latest_no_results(read_table(connection, NO_RESULTS), students, releases),
    )


def _read_names(
    connection: Connection,
    release: str | None,
    index: pl.DataFrame,
    subjects: pl.DataFrame,
    settings: AnalyticsSettings,
) -> ReportNames:
    with connection.cursor(row_factory=scalar_row) as cursor:
        loaded_at = cursor.execute("SELECT max(loaded_at) FROM ops.loads").fetchone()
    as_of = loaded_at if isinstance(loaded_at, datetime) else NOTHING_LOADED
    titles = dict(index.select("release", "title").iter_rows())
    subject = f"Results of release {release}: {titles[release]}" if release else "All releases"
    awards = [limit for _, limit in settings.award_limits]
    return ReportNames(
        colleges=dict(read_table(connection, COLLEGES).select("college_code", "name").iter_rows()),
        branches=dict(read_table(connection, BRANCHES).select("branch_code", "name").iter_rows()),
        subjects=dict(subjects.select("subject_code", "subject_name").iter_rows()),
        as_of=as_of,
        title=f"{subject}; data of {as_of:%d %b %Y}.",
        **({"distinction": max(awards)} if awards else {}),
    )
