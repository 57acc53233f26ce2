"""Reconciliation: pairs of tables that must agree, and where they do not.

Every function returns only the differences: what is counted, the expected and the found number. An
empty frame means that the tables agree. Counts and codes only, never student data. The functions'
names are the names of the asset checks, their docstrings the checks' descriptions.
"""

from collections.abc import Sequence

import polars as pl
from polars.dataframe.group_by import GroupBy

from ouspark_assets.analytics.attempts import add_newest_codes
from ouspark_assets.analytics.demographics import DIMENSIONS, GROUPS, SECTION, SECTION_GROUPS
from ouspark_assets.analytics.group_stats import students_with_standings
from ouspark_assets.analytics.rankings import SCOPE_COLUMNS
from ouspark_assets.domain.grades import is_open
from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.domain.rounding import hundredths

SCHEMA = {"what": pl.String, "expected": pl.Int64, "found": pl.Int64}


def every_subject_sat_has_one_standing(
    standings: pl.DataFrame, marks: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    """Every student has exactly one standing per subject of their marks rows, under any code."""
    key = ["hall_ticket", "subject_code"]
    sat = add_newest_codes(marks.select(key), subjects).select(
        "hall_ticket", pl.col("counts_as").alias("subject_code")
    )
    return _same_keys("standings", sat.unique(), standings, key)


def every_semester_of_standings_has_a_gpa_row(
    semester_gpas: pl.DataFrame, standings: pl.DataFrame
) -> pl.DataFrame:
    """The semesters and their credits are those of the standings."""
    sat = standings.filter(pl.col("semester").is_not_null())
    semesters = sat.select("hall_ticket", "semester").n_unique()
    credits_of = hundredths().sum()
    return _differences(
        ("semesters of students", semesters, semester_gpas.height),
        ("hundredths of credits", sat.select(credits_of).item(), _item(semester_gpas, credits_of)),
    )


def every_student_has_one_cgpa_row(
    student_cgpas: pl.DataFrame, students: pl.DataFrame
) -> pl.DataFrame:
    """Every student has exactly one row."""
    return _same_keys("students", students, student_cgpas, ["hall_ticket"])


def credits_are_those_of_standings(
    student_credits: pl.DataFrame, standings: pl.DataFrame, students: pl.DataFrame
) -> pl.DataFrame:
    """The attempted credits are those of the standings of known students."""
    # A ticket whose personal details are in quarantine has standings, but is not yet a student.
    known = standings.join(students.select("hall_ticket"), on="hall_ticket", how="semi")
    expected = _item(known, hundredths().sum())
    return _differences(
        ("hundredths of credits", expected, _item(student_credits, hundredths("attempted").sum()))
    )


def every_open_standing_is_a_backlog(
    backlogs: pl.DataFrame, standings: pl.DataFrame
) -> pl.DataFrame:
    """The backlogs are exactly the open standings."""
    return _same_keys(
        "backlogs", standings.filter(is_open()), backlogs, ["hall_ticket", "subject_code"]
    )


def ranks_are_dense_and_within_out_of(
    student_rankings: pl.DataFrame, students: pl.DataFrame
) -> pl.DataFrame:
    """Ranks have no gaps, `out_of` counts the ranked students, and every student has a row."""
    places = students.select("hall_ticket", "admission_year", "college_code", "branch_code")
    placed = student_rankings.join(places, on="hall_ticket")
    parts = [_differences(("rows", len(SCOPE_COLUMNS) * students.height, student_rankings.height))]
    for scope, within in SCOPE_COLUMNS.items():
        ranked = (
            placed.filter(pl.col("scope") == scope)
            .group_by(within)
            .agg(
                pl.col("rank").max().fill_null(0).alias("highest"),
                pl.col("rank").drop_nulls().n_unique().alias("different"),
                pl.col("rank").count().alias("ranked"),
                pl.col("out_of").max(),
            )
        )
        name = pl.concat_str(pl.lit(scope), *within, separator=" ")
        parts += [
            _unequal(ranked, pl.format("ranks of {}", name), "different", "highest"),
            _unequal(ranked, pl.format("ranked of {}", name), "ranked", "out_of"),
        ]
    return pl.concat(parts)


def groups_add_up_to_all_students(
    stats: pl.DataFrame, students: pl.DataFrame, student_cgpas: pl.DataFrame
) -> pl.DataFrame:
    """The students of all groups add up to those of the university in every admission year."""
    known = students_with_standings(students, student_cgpas)
    return _counted(
        "students of admission year",
        known.group_by("admission_year").len("expected"),
        stats.group_by("admission_year").agg(pl.col("students").sum().alias("found")),
        ["admission_year"],
    )


def values_add_up_to_all_students(
    demographics: pl.DataFrame, students: pl.DataFrame, student_cgpas: pl.DataFrame
) -> pl.DataFrame:
    """The values of every dimension add up to all students of each group."""
    known = students_with_standings(students, student_cgpas)
    checked = [(dimension, by) for dimension in DIMENSIONS for by in GROUPS]
    if demographics["dimension"].eq(SECTION).any():
        checked += [(SECTION, by) for by in SECTION_GROUPS]
    return pl.concat(
        _counted(
            f"students by {dimension}",
            _per(known, by).agg(pl.len().alias("expected")),
            _per(_rows_of(demographics, dimension, by), by).agg(
                pl.col("students").sum().alias("found")
            ),
            [*by, "_"],
        )
        for dimension, by in checked
    )


def _rows_of(demographics: pl.DataFrame, dimension: str, by: Sequence[str]) -> pl.DataFrame:
    counted_by = (
        pl.col(name).is_not_null() == (name in by)
        for name in ("college_code", "branch_code", "admission_year")
    )
    return demographics.filter(pl.col("dimension") == dimension, *counted_by)


def _per(frame: pl.DataFrame, by: Sequence[str]) -> GroupBy:
    """Return the groups by these columns; without columns, all rows as one group."""
    return frame.group_by(*by, pl.lit("").alias("_"))


def every_mark_of_a_main_release_is_counted(
    subject_stats: pl.DataFrame, marks: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """Appeared, absent and pending students add up to the marks rows of every main release."""
    counted = pl.col("appeared") + pl.col("absent") + pl.col("pending")
    return _counted(
        "rows of release",
        _of_kind(marks, release_index, ExamKind.MAIN).group_by("release").len("expected"),
        subject_stats.group_by("release").agg(counted.sum().alias("found")),
        ["release"],
    )


def every_line_printed_is_counted(
    semester_stats: pl.DataFrame, results: pl.DataFrame
) -> pl.DataFrame:
    """The printed lines add up to the semester lines of every release."""
    return _counted(
        "lines of release",
        results.group_by("release").len("expected"),
        semester_stats.group_by("release").agg(pl.col("printed_lines").sum().alias("found")),
        ["release"],
    )


def every_mark_of_a_revaluation_has_an_impact(
    revaluation_impact: pl.DataFrame, marks: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """Every marks row of a revaluation release has exactly one row."""
    return _counted(
        "rows of release",
        _of_kind(marks, release_index, ExamKind.REVALUATION).group_by("release").len("expected"),
        revaluation_impact.group_by("release").len("found"),
        ["release"],
    )


def sgpas_that_differ_from_print(semester_gpas: pl.DataFrame) -> pl.DataFrame:
    """Return the semesters whose latest printed SGPA differs from the computed one."""
    printed = pl.col("sgpa_printed")
    return semester_gpas.filter(printed.is_not_null() & printed.ne_missing(pl.col("sgpa")))


def _of_kind(marks: pl.DataFrame, release_index: pl.DataFrame, kind: ExamKind) -> pl.DataFrame:
    releases = release_index.filter(pl.col("exam_kind") == kind.value).select("release")
    return marks.select("release").join(releases, on="release", how="semi")


def _same_keys(
    what: str, expected: pl.DataFrame, found: pl.DataFrame, key: Sequence[str]
) -> pl.DataFrame:
    missing = expected.join(found, on=key, how="anti").height
    surplus = found.join(expected, on=key, how="anti").height
    return _differences(
        (what, expected.height, found.height),
        (f"{what} missing", 0, missing),
        (f"{what} too many", 0, surplus),
    )


def _counted(
    what: str, expected: pl.DataFrame, found: pl.DataFrame, by: Sequence[str]
) -> pl.DataFrame:
    both = expected.join(found, on=by, how="full", coalesce=True, nulls_equal=True).with_columns(
        pl.col("expected", "found").fill_null(0)
    )
    name = pl.concat_str(pl.lit(what), *by, separator=" ", ignore_nulls=True)
    return _unequal(both, name, "expected", "found").sort("what")


def _unequal(frame: pl.DataFrame, what: pl.Expr, expected: str, found: str) -> pl.DataFrame:
    return frame.filter(pl.col(expected) != pl.col(found)).select(
        what.alias("what"),
        pl.col(expected).cast(pl.Int64).alias("expected"),
        pl.col(found).cast(pl.Int64).alias("found"),
    )


def _item(frame: pl.DataFrame, expression: pl.Expr) -> int:
    return int(frame.select(expression).item())


def _differences(*counts: tuple[str, int, int]) -> pl.DataFrame:
    unequal = [count for count in counts if count[1] != count[2]]
    return pl.DataFrame(unequal, schema=SCHEMA, orient="row")
