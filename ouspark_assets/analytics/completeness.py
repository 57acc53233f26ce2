"""Missing history: students whose known record must not be taken for a whole one, and why.

Three signs: a record in open quarantine; a printed status that says something is open while no
standing of that semester is; a semester up to the cohort's latest that is missing altogether.
"""

import polars as pl

from ouspark_assets.analytics.keys import ticket_and_semester, ticket_number
from ouspark_assets.analytics.moments import latest, with_release_order
from ouspark_assets.analytics.semester_gpas import SemesterState
from ouspark_assets.domain.grades import OPEN_STATUSES
from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.domain.subjects import FIRST_LATERAL_SEMESTER, FIRST_SEMESTER


def missing_history(
    students: pl.DataFrame,
    semester_gpas: pl.DataFrame,
    results: pl.DataFrame,
    release_index: pl.DataFrame,
    in_quarantine: pl.DataFrame,
) -> pl.DataFrame:
    """One row per student with something missing: hall_ticket and why."""
    reasons = pl.concat(
        [
            in_quarantine.select(
                "hall_ticket", pl.lit("a record is in quarantine").alias("because")
            ),
            _open_on_paper_only(semester_gpas, results, release_index),
            _semesters_missing(students, semester_gpas, results, release_index),
        ]
    )
    return (
        reasons.join(students.select("hall_ticket"), on="hall_ticket", how="semi")
        .sort("hall_ticket", "because")
        .group_by("hall_ticket", maintain_order=True)
        .agg(pl.col("because").str.join("; ").alias("incomplete_because"))
    )


def _open_on_paper_only(
    semester_gpas: pl.DataFrame, results: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    says_open = (
        pl.col("status").is_in([status.value for status in OPEN_STATUSES])
        & pl.col("sgpa_printed").is_null()
    )
    undecided = semester_gpas.filter(pl.col("state") != SemesterState.FINISHED.value).select(
        ticket_and_semester().alias("key")
    )
    return (
        latest(with_release_order(results, release_index), ticket_and_semester())
        .filter(says_open)
        .join(undecided, on="key", how="anti")
        .sort("key")
        .select(
            "hall_ticket",
            pl.format(
                "semester {} is printed as {} but no open subject of it is known",
                "semester",
                "status",
            ).alias("because"),
        )
    )


def _semesters_missing(
    students: pl.DataFrame,
    semester_gpas: pl.DataFrame,
    results: pl.DataFrame,
    release_index: pl.DataFrame,
) -> pl.DataFrame:
    known = semester_gpas.select(ticket_and_semester().alias("key"))
    return (
        _semesters_expected(students, _latest_semesters(students, results, release_index))
        .with_columns(ticket_and_semester().alias("key"))
        .join(known, on="key", how="anti")
        .sort("key")
        .group_by("hall_ticket", maintain_order=True)
        .agg(pl.col("semester").cast(pl.String).str.join(", "))
        .select(
            "hall_ticket",
            pl.format("nothing is known of semester {}", "semester").alias("because"),
        )
    )


def _semesters_expected(students: pl.DataFrame, latest_semesters: pl.DataFrame) -> pl.DataFrame:
    """Every semester that each student should have something in."""
    first = pl.when("lateral_entry").then(FIRST_LATERAL_SEMESTER).otherwise(FIRST_SEMESTER)
    return (
        students.select("hall_ticket", "admission_year", "lateral_entry")
        .join(latest_semesters, on=["admission_year", "lateral_entry"])
        .select(
            "hall_ticket",
            pl.int_ranges(first, pl.col("latest_semester") + 1, dtype=pl.Int16).alias("semester"),
        )
        .explode("semester", empty_as_null=False)
    )


def _latest_semesters(
    students: pl.DataFrame, results: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """How far a cohort has come in main releases, per admission year and way of entry.

    Lateral entrants are expected to be as far as their year, and as far as each other; but they
    say nothing of the others of their year, since some tickets of theirs carry the year they
    joined, when their class was two semesters ahead.
    """
    main = release_index.filter(pl.col("exam_kind") == ExamKind.MAIN.value).select("release")
    of_student = (
        results.join(main, on="release", how="semi")
        .lazy()
        .group_by(ticket_number().alias("key"))
        .agg(pl.col("semester").max())
        .collect(engine="streaming")
    )
    reached = students.select("admission_year", "lateral_entry", ticket_number().alias("key")).join(
        of_student, on="key"
    )
    regular = reached.filter(~pl.col("lateral_entry"))
    return (
        pl.concat([regular, reached.with_columns(pl.lit(value=True).alias("lateral_entry"))])
        .group_by("admission_year", "lateral_entry")
        .agg(pl.col("semester").max().alias("latest_semester"))
    )
