"""Missing history: students whose known record must not be taken for a complete one, and why.

A student's history is incomplete if a record is in open quarantine, if the latest printed status of
a semester says that a subject is open while no standing of that semester is, or if a semester up to
the latest one of the cohort is missing altogether.
"""

import polars as pl

from ouspark_assets.analytics.attempts import add_release_order
from ouspark_assets.analytics.packed_keys import latest_rows, ticket_and_semester, ticket_number
from ouspark_assets.analytics.semester_gpas import SemesterState
from ouspark_assets.domain.grades import OPEN_STATUSES
from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.domain.subjects import FIRST_LATERAL_SEMESTER, FIRST_SEMESTER

# Stored and published in `student_cgpas.incomplete_because`: a new wording is a changed row for
# every student concerned.
IN_QUARANTINE = "a record is in quarantine"
OPEN_SUBJECT_UNKNOWN = "semester {} is printed as {} but no open subject of it is known"
SEMESTERS_MISSING = "nothing is known of semester {}"


def find_missing_history(
    students: pl.DataFrame,
    semester_gpas: pl.DataFrame,
    results: pl.DataFrame,
    release_index: pl.DataFrame,
    in_quarantine: pl.DataFrame,
) -> pl.DataFrame:
    """Return hall_ticket and incomplete_because, one row per student with missing history."""
    reasons = pl.concat(
        [
            in_quarantine.select("hall_ticket", pl.lit(IN_QUARANTINE).alias("because")),
            _unknown_open_subjects(semester_gpas, results, release_index),
            _missing_semesters(students, semester_gpas, results, release_index),
        ]
    )
    return (
        reasons.join(students.select("hall_ticket"), on="hall_ticket", how="semi")
        .sort("hall_ticket", "because")
        .group_by("hall_ticket", maintain_order=True)
        .agg(pl.col("because").str.join("; ").alias("incomplete_because"))
    )


def _unknown_open_subjects(
    semester_gpas: pl.DataFrame, results: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """Return the semesters printed with an open status while no open or pending one is known."""
    says_open = (
        pl.col("status").is_in([status.value for status in OPEN_STATUSES])
        & pl.col("sgpa_printed").is_null()
    )
    unfinished = semester_gpas.filter(pl.col("state") != SemesterState.FINISHED.value).select(
        ticket_and_semester().alias("key")
    )
    return (
        latest_rows(add_release_order(results, release_index), ticket_and_semester())
        .filter(says_open)
        .join(unfinished, on="key", how="anti")
        .sort("key")
        .select(
            "hall_ticket", pl.format(OPEN_SUBJECT_UNKNOWN, "semester", "status").alias("because")
        )
    )


def _missing_semesters(
    students: pl.DataFrame,
    semester_gpas: pl.DataFrame,
    results: pl.DataFrame,
    release_index: pl.DataFrame,
) -> pl.DataFrame:
    """Return the semesters that a student should have standings in and has none."""
    first = pl.when("lateral_entry").then(FIRST_LATERAL_SEMESTER).otherwise(FIRST_SEMESTER)
    expected = (
        students.select("hall_ticket", "admission_year", "lateral_entry")
        .join(
            _latest_semesters(students, results, release_index),
            on=["admission_year", "lateral_entry"],
        )
        .select(
            "hall_ticket",
            pl.int_ranges(first, pl.col("latest_semester") + 1, dtype=pl.Int16).alias("semester"),
        )
        .explode("semester", empty_as_null=False)
    )
    return (
        expected.with_columns(ticket_and_semester().alias("key"))
        .join(semester_gpas.select(ticket_and_semester().alias("key")), on="key", how="anti")
        .sort("key")
        .group_by("hall_ticket", maintain_order=True)
        .agg(pl.col("semester").cast(pl.String).str.join(", "))
        .select("hall_ticket", pl.format(SEMESTERS_MISSING, "semester").alias("because"))
    )


def _latest_semesters(
    students: pl.DataFrame, results: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """Return the latest semester in main releases, per admission year and way of entry.

    Lateral entrants are expected to be as far as their cohort and as far as each other. They do not
    count for the regular students of the cohort, because some lateral tickets carry the year of
    joining, when their class was two semesters ahead.
    """
    main = release_index.filter(pl.col("exam_kind") == ExamKind.MAIN.value).select("release")
    per_student = (
        results.join(main, on="release", how="semi")
        .lazy()
        .group_by(ticket_number().alias("key"))
        .agg(pl.col("semester").max())
        .collect(engine="streaming")
    )
    latest = students.select("admission_year", "lateral_entry", ticket_number().alias("key")).join(
        per_student, on="key"
    )
    regular = latest.filter(~pl.col("lateral_entry"))
    return (
        pl.concat([regular, latest.with_columns(pl.lit(value=True).alias("lateral_entry"))])
        .group_by("admission_year", "lateral_entry")
        .agg(pl.col("semester").max().alias("latest_semester"))
    )
