"""A department as one printable HTML page: summary tables and plots.

The page is self-contained: it loads nothing. Every text from the data is escaped. What the numbers
mean is decided in `analytics/`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

import polars as pl

from ouspark_assets.analytics.group_stats import MAX_TOPPER_RANK
from ouspark_assets.reports import plots
from ouspark_assets.reports.report_data import TOTALS, ReportNames, ReportTables, subject_totals

STYLE = """
@page { size: A4; margin: 15mm; }
body { font: 11pt/1.4 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 60em;
       margin: 2em auto; padding: 0 1em; }
h1 { font-size: 16pt; margin: 0; } h2 { font-size: 12pt; margin: 1.6em 0 .4em; }
p.about { color: #555; margin: .2em 0 1em; }
table { border-collapse: collapse; font-size: 9pt; } thead { display: table-header-group; }
th, td { border-bottom: 1px solid #ccc; padding: .2em .6em; text-align: left; }
th { border-bottom: 2px solid #1f4e78; vertical-align: bottom; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr, figure { break-inside: avoid; } h2 { break-after: avoid; }
figure { margin: 0; } svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
"""
STATISTICS = {
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
    "rank": "Rank of all",
    "out_of": "Out of",
    "rank_in_college": "In college",
    "rank_in_branch": "In branch",
    "unranked_because": "Reason if not ranked",
}
SUBJECTS = {
    "subject_code": "Code",
    "subject_name": "Subject",
    "semester": "Sem",
    **TOTALS,
}
SEMESTERS = {
    "semester": "Semester",
    "appeared": "Appeared",
    "all_clear": "All clear",
    "pass_percent": "Pass %",
    "printed_promoted": "Promoted",
    "printed_detained": "Detained",
    "with_sgpa": "With SGPA",
    "mean_sgpa": "Mean SGPA",
    "median_sgpa": "Median",
    "lowest_sgpa": "Lowest",
    "highest_sgpa": "Highest",
}
TOPPER_COLUMNS = {
    "admission_year": "Admitted",
    "rank": "Rank",
    "hall_ticket": "Hall ticket",
    "name": "Name",
    "value": "CGPA",
}


NO_RESULT_COLUMNS = {
    "hall_ticket": "Hall ticket",
    "name": "Name",
    "release": "Release",
    "sentence": "What the site says",
}


@dataclass(frozen=True)
class Section:
    """A heading and the HTML below it."""

    heading: str
    body: str


@dataclass(frozen=True)
class Department:
    """A department: the rows of its students, and its statistics."""

    college: str
    branch: str
    tables: ReportTables
    # Rows of analytics.department_stats of the whole college, for comparison.
    college_stats: pl.DataFrame
    rankings: pl.DataFrame
    demographics: pl.DataFrame
    # Rows like those of analytics.semester_stats, for this department and release.
    semester_stats: pl.DataFrame


def department_page(department: Department, names: ReportNames) -> str:
    """Return the page of a department as HTML."""
    title = f"{names.college(department.college)}: {names.branch(department.branch)}"
    if department.tables.release:
        semesters = _table(department.semester_stats, SEMESTERS)
        sections = [Section("Semesters of this release", semesters)]
    else:
        sections = [*_standing_sections(department)]
    sections += _subjects(department, names)
    if department.tables.no_results.height:
        without = _table(department.tables.no_results, NO_RESULT_COLUMNS)
        sections.append(Section("Students without a result", without))
    return _document(title, names.title, sections)


def _standing_sections(department: Department) -> Iterator[Section]:
    in_branch = pl.col("branch_code") == department.branch
    statistics = department.college_stats.filter(in_branch).sort("admission_year")
    yield Section("Students by admission year", _table(statistics, STATISTICS))
    ranked = department.rankings.sort("admission_year")
    yield Section("Rank among departments by mean CGPA", _table(ranked, RANKS))
    first = (pl.col("scope") == "class") & (pl.col("rank") <= MAX_TOPPER_RANK)
    students = department.tables.students.select("hall_ticket", "name", "admission_year")
    toppers = department.tables.rankings.filter(first).join(students, on="hall_ticket")
    in_order = toppers.sort("admission_year", "rank", "hall_ticket")
    yield Section(f"Ranks 1 to {MAX_TOPPER_RANK} of each class", _table(in_order, TOPPER_COLUMNS))
    cgpas = department.tables.cgpas.select("hall_ticket", "cgpa")
    if cgpas["cgpa"].count():
        yield Section("CGPA", _figure(plots.distribution_of_cgpas(cgpas)))
    yield Section(
        "Comparison with the other departments of the college",
        _figure(plots.comparison_of_departments(department.college_stats)),
    )
    if department.demographics.height:
        # The plot selects the rows without college and branch, which mean all students; here, all
        # students of this department.
        all_students = department.demographics.with_columns(
            pl.lit(None, pl.String).alias("college_code"),
            pl.lit(None, pl.String).alias("branch_code"),
        )
        yield Section("Gender", _figure(plots.gender_ratio(all_students)))


def _subjects(department: Department, names: ReportNames) -> Iterator[Section]:
    rows = subject_totals(department.tables.grades, names.subjects)
    if rows.height:
        yield Section("Lowest pass percentages", _figure(plots.pass_percent_of_subjects(rows)))
    yield Section("Subjects", _table(rows, SUBJECTS))


def _document(title: str, subtitle: str, sections: Iterable[Section]) -> str:
    parts = "".join(
        f"<section><h2>{escape(section.heading)}</h2>{section.body}</section>\n"
        for section in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>"
        f'<h1>{escape(title)}</h1><p class="about">{escape(subtitle)}</p>\n{parts}</body></html>\n'
    )


def _table(frame: pl.DataFrame, headings: Mapping[str, str]) -> str:
    """Return columns of a frame as a table; every text is escaped."""
    if frame.is_empty():
        return "<p>None.</p>"
    shown = frame.select(list(headings))
    classes = [' class="number"' if dtype.is_numeric() else "" for dtype in shown.schema.dtypes()]
    head = "".join(
        f"<th{class_}>{escape(text)}</th>"
        for class_, text in zip(classes, headings.values(), strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{class_}>{_cell(value)}</td>" for class_, value in zip(classes, row, strict=True)
        )
        + "</tr>\n"
        for row in shown.iter_rows()
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return escape(f"{value:.2f}" if isinstance(value, float) else str(value))


def _figure(svg: str) -> str:
    return f"<figure>{svg}</figure>"
