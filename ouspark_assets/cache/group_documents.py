"""Documents about groups: colleges, departments, subjects, releases, and rankings of groups.

There are a few thousand at most, so they are built as plain dicts. JSON from a jsonb column is
inserted as it is.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from ouspark_assets.cache.source_tables import PublishedTables

Row = dict[str, Any]
# jsonb columns, which are strings in frames.
JSON_COLUMNS = frozenset({"toppers", "grades", "histogram", "statuses"})


def colleges(tables: PublishedTables) -> pl.DataFrame:
    """Return one document per college: its departments, and its statistics by admission year."""
    stats = _group_by(tables.college_stats, "college_code")
    ranks = _group_by(tables.college_rankings, "college_code")
    groups = _group_by(tables.demographics.filter(pl.col("branch_code").is_null()), "college_code")
    departments = _group_by(tables.department_stats, "college_code")
    branches = _names(tables.branches, "branch_code")
    known = {row["college_code"]: row for row in tables.colleges.iter_rows(named=True)}
    return _to_json(
        {
            code: {
                "college_code": code,
                **(known.get(code) or {}),
                "years": _years(stats[code], ranks[code]),
                "departments": _departments_of(departments[code], branches),
                "demographics": [_without(row, "college_code") for row in groups[code]],
            }
            for code in sorted(known.keys() | stats.keys())
        }
    )


def departments(tables: PublishedTables) -> pl.DataFrame:
    """Return one document per department, with its statistics by admission year."""
    key = ("college_code", "branch_code")
    stats = _group_by(tables.department_stats, *key)
    ranks = _group_by(tables.department_rankings, *key)
    groups = _group_by(tables.demographics.filter(pl.col("branch_code").is_not_null()), *key)
    college_names = _names(tables.colleges, "college_code")
    branch_names = _names(tables.branches, "branch_code")
    return _to_json(
        {
            "-".join(code): {
                "department": "-".join(code),
                "college_code": code[0],
                "college": college_names.get(code[0]),
                "branch_code": code[1],
                "branch": branch_names.get(code[1]),
                "years": _years(stats[code], ranks[code]),
                "demographics": [_without(row, *key) for row in groups[code]],
            }
            for code in sorted(stats)
        }
    )


def subjects(tables: PublishedTables) -> pl.DataFrame:
    """Return one document per subject, with its statistics in every main release."""
    stats = _group_by(tables.subject_stats, "subject_code")
    known = {row["subject_code"]: row for row in tables.subjects.iter_rows(named=True)}
    return _to_json(
        {
            code: {
                "subject_code": code,
                **(known.get(code) or {}),
                "releases": [_without(row, "subject_code") for row in stats[code]],
            }
            for code in sorted(known.keys() | stats.keys())
        }
    )


def releases(tables: PublishedTables) -> pl.DataFrame:
    """Return one document per release, with the statistics of its semesters."""
    stats = _group_by(tables.semester_stats, "release")
    return _to_json(
        {
            release: {
                "release": release,
                "semesters": [_without(row, "release") for row in stats[release]],
            }
            for release in sorted(stats)
        }
    )


def group_rankings(tables: PublishedTables) -> pl.DataFrame:
    """Return the rankings of colleges and of departments, one document per admission year."""
    names = {
        "college": _names(tables.colleges, "college_code"),
        "branch": _names(tables.branches, "branch_code"),
    }
    documents = {}
    for kind, ranking in (
        ("colleges", tables.college_rankings),
        ("departments", tables.department_rankings),
    ):
        for year, rows in _group_by(
            ranking.sort("rank", nulls_last=True), "admission_year"
        ).items():
            ranked = [_with_names(row, names) for row in rows]
            documents[f"{kind}:{year}"] = {"scope": kind, "of": str(year), "ranking": ranked}
    return _to_json(documents)


def _years(stats: Sequence[Row], ranks: Sequence[Row]) -> list[Row]:
    """Return the statistics by admission year; rank and its own n are nested in `ranking`."""
    codes = ("college_code", "branch_code")
    ranking = {
        row["admission_year"]: _without(row, *codes, "admission_year", "mean_cgpa", "pass_percent")
        for row in ranks
    }
    return [
        _without(row, *codes) | {"ranking": ranking.get(row["admission_year"])} for row in stats
    ]


def _departments_of(stats: Sequence[Row], branches: Mapping[str, str]) -> list[Row]:
    codes = sorted({(row["college_code"], row["branch_code"]) for row in stats})
    return [
        {"department": "-".join(code), "branch_code": code[1], "branch": branches.get(code[1])}
        for code in codes
    ]


def _with_names(row: Row, names: Mapping[str, Mapping[str, str]]) -> Row:
    named = {
        kind: known.get(row[f"{kind}_code"])
        for kind, known in names.items()
        if f"{kind}_code" in row
    }
    return named | _without(row, "admission_year")


def _group_by(frame: pl.DataFrame, *key: str) -> dict[Any, list[Row]]:
    """Group rows by their key: a value if it is one column, else a tuple."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        groups[row[key[0]] if len(key) == 1 else tuple(row[name] for name in key)].append(row)
    return groups


def _names(frame: pl.DataFrame, code: str) -> dict[str, str]:
    return dict(frame.select(code, "name").iter_rows())


def _without(row: Row, *names: str) -> Row:
    return {
        name: orjson.Fragment(value) if name in JSON_COLUMNS else value
        for name, value in row.items()
        if name not in names
    }


def _to_json(documents: Mapping[str, Row]) -> pl.DataFrame:
    rows = [(name, orjson.dumps(document).decode()) for name, document in documents.items()]
    return pl.DataFrame(rows, {"name": pl.String, "document": pl.String}, orient="row")
