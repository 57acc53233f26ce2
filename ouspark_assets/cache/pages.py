"""What is known of groups of students: pages of colleges, departments, subjects and releases.

A few thousand at most, so they are plain objects; the JSON that tables hold goes in as it is.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from ouspark_assets.cache.published import Published

Row = dict[str, Any]
# Columns of jsonb, which are text in frames.
RAW_JSON = frozenset({"toppers", "grades", "histogram", "statuses"})
EMPTY = pl.DataFrame(schema={"name": pl.String, "document": pl.String})


def colleges(published: Published) -> pl.DataFrame:
    """A college: what it is, its departments, and its figures per admission year."""
    stats = _by(published.college_stats, "college_code")
    ranks = _by(published.college_rankings, "college_code")
    groups = _by(published.demographics.filter(pl.col("branch_code").is_null()), "college_code")
    departments = _by(published.department_stats, "college_code")
    branches = _names(published.branches, "branch_code")
    known = {row["college_code"]: row for row in published.colleges.iter_rows(named=True)}
    return _encoded(
        {
            code: {
                "college_code": code,
                **_about(known.get(code)),
                "years": _years(stats[code], ranks[code]),
                "departments": _departments_of(departments[code], branches),
                "demographics": [_without(row, "college_code") for row in groups[code]],
            }
            for code in sorted(known.keys() | stats.keys())
        }
    )


def departments(published: Published) -> pl.DataFrame:
    """A department (a branch of a college) and its figures per admission year."""
    key = ("college_code", "branch_code")
    stats, ranks = _by(published.department_stats, *key), _by(published.department_rankings, *key)
    groups = _by(published.demographics.filter(pl.col("branch_code").is_not_null()), *key)
    college_names = _names(published.colleges, "college_code")
    branch_names = _names(published.branches, "branch_code")
    return _encoded(
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


def subjects(published: Published) -> pl.DataFrame:
    """A subject: what it is, and how it went in every main release."""
    stats = _by(published.subject_stats, "subject_code")
    known = {row["subject_code"]: row for row in published.subjects.iter_rows(named=True)}
    return _encoded(
        {
            code: {
                "subject_code": code,
                **_about(known.get(code)),
                "releases": [_without(row, "subject_code") for row in stats[code]],
            }
            for code in sorted(known.keys() | stats.keys())
        }
    )


def releases(published: Published) -> pl.DataFrame:
    """A release: how its semesters went."""
    stats = _by(published.semester_stats, "release")
    return _encoded(
        {
            release: {
                "release": release,
                "semesters": [_without(row, "release") for row in stats[release]],
            }
            for release in sorted(stats)
        }
    )


def group_rankings(published: Published) -> pl.DataFrame:
    """Colleges and departments of an admission year in order of rank."""
    names = {
        "college": _names(published.colleges, "college_code"),
        "branch": _names(published.branches, "branch_code"),
    }
    found = {}
    for kind, ranking in (
        ("colleges", published.college_rankings),
        ("departments", published.department_rankings),
    ):
        for year, rows in _by(ranking.sort("rank", nulls_last=True), "admission_year").items():
            top = [_with_names(row, names) for row in rows]
            found[f"{kind}:{year}"] = {"scope": kind, "of": str(year), "ranking": top}
    return _encoded(found)


def _years(stats: Sequence[Row], ranks: Sequence[Row]) -> list[Row]:
    """Per admission year the statistics and, apart, the ranking with its own n."""
    ranking = {row["admission_year"]: row for row in ranks}
    return [
        _without(row, "college_code", "branch_code")
        | {"ranking": _ranking(ranking.get(row["admission_year"]))}
        for row in stats
    ]


def _ranking(row: Row | None) -> Row | None:
    keys = ("college_code", "branch_code", "admission_year", "mean_cgpa", "pass_percent")
    return None if row is None else _without(row, *keys)


def _departments_of(stats: Sequence[Row], branches: Mapping[str, str]) -> list[Row]:
    codes = sorted({(row["college_code"], row["branch_code"]) for row in stats})
    return [
        {"department": "-".join(code), "branch_code": code[1], "branch": branches.get(code[1])}
        for code in codes
    ]


def _with_names(row: Row, names: Mapping[str, Mapping[str, str]]) -> Row:
    found = {
        what: known.get(row[f"{what}_code"])
        for what, known in names.items()
        if f"{what}_code" in row
    }
    return found | _without(row, "admission_year")


def _by(frame: pl.DataFrame, *key: str) -> dict[Any, list[Row]]:
    """Rows by their key: a plain value for one column, a tuple for more."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        found[row[key[0]] if len(key) == 1 else tuple(row[name] for name in key)].append(row)
    return found


def _names(frame: pl.DataFrame, code: str) -> dict[str, str]:
    return dict(frame.select(code, "name").iter_rows())


def _about(row: Row | None) -> Row:
    return row or {}


def _without(row: Row, *names: str) -> Row:
    return {
        name: orjson.Fragment(value) if name in RAW_JSON else value
        for name, value in row.items()
        if name not in names
    }


def _encoded(found: Mapping[str, Row]) -> pl.DataFrame:
    rows = {
        "name": list(found),
        "document": [orjson.dumps(document).decode() for document in found.values()],
    }
    return pl.DataFrame(rows, schema=EMPTY.schema)
