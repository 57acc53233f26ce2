"""`ouspark report`: class workbooks and department pages as files.

Here is what is read, for whom, and where the files go; what is in them is `report/`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import click
import polars as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ouspark_assets.analytics.release_stats import compute_semester_stats
from ouspark_assets.cli.output import console
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.domain.hall_tickets import hall_ticket_parts
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.reports.files import Written, put
from ouspark_assets.reports.page import Department, department_page, together
from ouspark_assets.reports.sheet import class_sheet
from ouspark_assets.reports.source import ClassName, Names, Source, classes, of_release
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
from ouspark_assets.schemas.clean import MARKS, RESULTS, STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.settings import AnalyticsSettings, load_settings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import read_releases, read_table

NOTHING_LOADED = datetime(2000, 1, 1, tzinfo=UTC)
Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Material:
    """Everything that the files are made of."""

    source: Source
    names: Names
    department_stats: pl.DataFrame
    department_rankings: pl.DataFrame
    demographics: pl.DataFrame
    # Of the release shown; empty without one.
    marks: pl.DataFrame
    results: pl.DataFrame
    subjects: pl.DataFrame


@click.command()
@click.option("--college", metavar="C", help="Only the college with this code.")
@click.option("--release", metavar="R", help="What this release shows, not what counts over all.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files; a folder per college in it.",
)
def report(*, college: str | None, release: str | None, out: Path) -> None:
    """Write an Excel workbook per class and a printable HTML page per department.

    Running again replaces what differs and leaves the rest alone.
    """
    with Development().connected("report") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        material = _material(connection, release, load_settings().analytics)
    found = [(name, part) for name, part in classes(material.source) if _is_of(name, college)]
    if not found:
        message = f"There is nothing to report{_of(college, release)}; see `ouspark status`."
        raise OuSparkError(message)
    departments = [
        (key, [part for _, part in group])
        for key, group in groupby(found, key=lambda it: (it[0].college, it[0].branch))
    ]
    files = _files(material, found, departments)
    counts = _write(out, files, len(found) + len(departments))
    said = ", ".join(f"{count} {written.value}" for written, count in sorted(counts.items()))
    click.echo(f"{len(found)} workbooks and {len(departments)} pages in {out}: {said}.")


def _write(out: Path, files: Iterator[tuple[str, bytes]], total: int) -> Counter[Written]:
    counts: Counter[Written] = Counter()
    terminal = console()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        console=terminal,
        transient=True,
        disable=not terminal.is_terminal,
    )
    with bar:
        task = bar.add_task("Writing", total=total)
        for name, data in files:
            counts[put(out / name, data)] += 1
            bar.update(task, advance=1, description=name)
    return counts


def _files(
    material: Material,
    found: list[tuple[ClassName, Source]],
    departments: list[tuple[tuple[str, str], list[Source]]],
) -> Iterator[tuple[str, bytes]]:
    """Every file with its name below the folder, one after the other."""
    suffix = f"_{material.source.release}" if material.source.release else ""
    for name, part in found:
        sheet = class_sheet(name, part, material.names)
        yield f"{name.college}/{name}{suffix}.xlsx", workbook_bytes(sheet, material.names.as_of)
    for (college, branch), parts in departments:
        page = department_page(_department(material, college, branch, parts), material.names)
        yield f"{college}/{college}-{branch}{suffix}.html", page.encode()


def _department(material: Material, college: str, branch: str, parts: list[Source]) -> Department:
    in_college = pl.col("college_code") == college
    here = in_college & (pl.col("branch_code") == branch)
    return Department(
        college=college,
        branch=branch,
        source=together(parts),
        college_stats=material.department_stats.filter(in_college),
        rankings=material.department_rankings.filter(here),
        demographics=material.demographics.filter(here),
        semester_stats=_semesters(material, college, branch),
    )


def _semesters(material: Material, college: str, branch: str) -> pl.DataFrame:
    """The semesters of the release, counted over this department alone."""
    if material.source.release is None:
        return SEMESTER_STATS.empty()
    parts = {part.meta.output_name(): part for part in hall_ticket_parts()}
    here = (parts["college_code"] == college) & (parts["branch_code"] == branch)
    marks, results = material.marks.filter(here), material.results.filter(here)
    return compute_semester_stats(marks, results, material.subjects)


def _material(connection: Connection, release: str | None, settings: AnalyticsSettings) -> Material:
    subjects, index = read_table(connection, SUBJECTS), read_table(connection, RELEASE_INDEX)
    source = _what_counts(connection)
    marks, results = MARKS.empty(), RESULTS.empty()
    if release is not None:
        if release not in index["release"]:
            message = f"Release {release} is not known; see `ouspark releases list`."
            raise OuSparkError(message)
        marks = read_releases(connection, MARKS, [release])
        results = read_releases(connection, RESULTS, [release])
        source = of_release(source, release, marks, results)
    return Material(
        source=source,
        names=_names(connection, release, index, subjects, settings),
        department_stats=read_table(connection, DEPARTMENT_STATS),
        department_rankings=read_table(connection, DEPARTMENT_RANKINGS),
        demographics=read_table(connection, DEMOGRAPHICS),
        marks=marks,
        results=results,
        subjects=subjects,
    )


def _what_counts(connection: Connection) -> Source:
    grades = read_table(connection, STANDINGS)
    return Source(
        release=None,
        students=read_table(connection, STUDENTS),
        grades=grades.select(
            "hall_ticket", "subject_code", "semester", "credits", "grade", "points", "state"
        ),
        semesters=read_table(connection, SEMESTER_GPAS).select(
            "hall_ticket", "semester", "sgpa", pl.col("state").alias("status")
        ),
        cgpas=read_table(connection, STUDENT_CGPAS).select("hall_ticket", "cgpa"),
        rankings=read_table(connection, STUDENT_RANKINGS),
    )


def _names(
    connection: Connection,
    release: str | None,
    index: pl.DataFrame,
    subjects: pl.DataFrame,
    settings: AnalyticsSettings,
) -> Names:
    row = connection.execute("SELECT max(loaded_at) FROM ops.loads").fetchone()
    as_of = row[0] if row is not None and isinstance(row[0], datetime) else NOTHING_LOADED
    titles = dict(index.select("release", "title").iter_rows())
    shown = f"As release {release} shows it: {titles[release]}" if release else "All that counts"
    awards = [limit for _, limit in settings.award_limits]
    return Names(
        colleges=dict(read_table(connection, COLLEGES).select("college_code", "name").iter_rows()),
        branches=dict(read_table(connection, BRANCHES).select("branch_code", "name").iter_rows()),
        subjects=dict(subjects.select("subject_code", "subject_name").iter_rows()),
        as_of=as_of,
        title=f"{shown}; data of {as_of:%d %b %Y}.",
        **({"distinction": max(awards)} if awards else {}),
    )


def _is_of(name: ClassName, college: str | None) -> bool:
    return college is None or name.college == college


def _of(college: str | None, release: str | None) -> str:
    of_college = f" of college {college}" if college else ""
    return f"{of_college} in release {release}" if release else of_college
