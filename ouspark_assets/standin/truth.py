"""The truth: the students' data as the simulation knows it, as tables and as exported files.

It covers what the published releases show. The pipeline's results are compared with it, so nothing
of the pipeline is used here. Faults change nothing in it, but with the profile `no-results` there
is a table of the students who get a sentence instead of their page.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.standin.cohorts import (
    COLLEGES,
    GENDERS,
    MEDIA,
    NO_RELEASE,
    Cohort,
    Progress,
    compute_progress,
)
from ouspark_assets.standin.curriculum import (
    BRANCHES,
    SLOTS_PER_SEMESTER,
    CodeChange,
    load_curricula,
)
from ouspark_assets.standin.fault_injection import FaultInjector
from ouspark_assets.standin.grading import (
    GRADES,
    NEVER_SAT,
    NO_GPA,
    POINTS,
    STATES,
    STATUSES,
    UNDECIDED,
    is_open,
    is_pending,
)
from ouspark_assets.standin.page_templates import choose_style
from ouspark_assets.standin.printed_rows import (
    CGPA_SHIFT,
    GRADE_BITS,
    LOW_4_BITS,
    LOW_11_BITS,
    SGPA_SHIFT,
    STATUS_SHIFT,
    PrintedRows,
)
from ouspark_assets.standin.result_pages import spell_subject
from ouspark_assets.standin.student_names import compose_father_name, compose_name
from ouspark_assets.standin.world import PublishedRelease, World


def export_truth(world: World, folder: Path, faults: FaultInjector) -> dict[str, int]:
    """Write the tables as Parquet files into a folder and return the rows of each."""
    tables = compute_truth(world)
    if faults.takes_results:
        tables["no_results"] = find_no_results(world, faults)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            partial = folder / f".{name}.parquet.part"
            table.write_parquet(partial, compression="zstd")
            partial.replace(folder / f"{name}.parquet")
    except OSError as error:
        message = (
            f"Can't write the truth to {folder}: {error.strerror or error}. Choose another folder."
        )
        raise SiteError(message) from error
    return {name: len(table) for name, table in tables.items()}


def compute_truth(world: World) -> dict[str, pl.DataFrame]:
    """Return the eight tables of the truth by name."""
    keys = [published.release.key for published in world.published]
    tickets = [pl.Series("hall_ticket", of_cohort, pl.String) for of_cohort in world.tickets]
    newest = load_curricula().printed_numbers(world.code_changes)
    of_cohorts = []
    for cohort, of_cohort in zip(world.cohorts, tickets, strict=True):
        progress = compute_progress(cohort)
        of_cohorts.append({
            "students": _students(cohort, of_cohort),
            "standings": _standings(cohort, of_cohort, keys, newest),
            "semester_gpas": _semester_gpas(progress, of_cohort),
            "student_cgpas": _student_cgpas(cohort, progress, of_cohort),
        })  # fmt: skip
    printed = [
        (published, rows, of_cohort)
        for published in world.published
        for rows, of_cohort in zip(published.cohort_rows, tickets, strict=False)
    ]
    return {
        **{name: pl.concat(part[name] for part in of_cohorts) for name in of_cohorts[0]},
        "attempts": pl.concat(_attempts(*part) for part in printed),
        "results": pl.concat(_results(*part) for part in printed),
        "releases": _releases(world.published),
        "equivalent_codes": _equivalent_codes(world.code_changes),
    }


def find_no_results(world: World, faults: FaultInjector) -> pl.DataFrame:
    """Return the students of each release who get a sentence instead of a result."""
    rows = [
        (published.release.key, ticket, sentence)
        for published in world.published
        for rows, tickets in zip(published.cohort_rows, world.tickets, strict=False)
        for student in np.flatnonzero(rows.have_pages()).tolist()
        for ticket in [tickets[student]]
        if (sentence := faults.find_sentence(published.release.key, ticket)) is not None
    ]
    columns = {"release": pl.String, "hall_ticket": pl.String, "sentence": pl.String}
    return pl.DataFrame(rows, schema=columns, orient="row")


def _students(cohort: Cohort, tickets: pl.Series) -> pl.DataFrame:
    appeared = np.flatnonzero(cohort.appeared)
    genders = [GENDERS[female] for female in cohort.female[appeared].astype(int).tolist()]
    bits = list(
        zip(cohort.name_bits[appeared].tolist(), cohort.father_bits[appeared].tolist(), strict=True)
    )
    intake = cohort.intake
    names = [compose_name(own, gender) for (own, _), gender in zip(bits, genders, strict=True)]
    fathers = [compose_father_name(own, father) for own, father in bits]
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(appeared)),
        "name": pl.Series(names, dtype=pl.String),
        "father_name": pl.Series(fathers, dtype=pl.String),
        "gender": pl.Series(genders, dtype=pl.String),
        "medium": _texts(MEDIA, cohort.medium[appeared]),
        "college_code": _texts(COLLEGES, intake.college[appeared]),
        "branch_code": _texts([branch.code for branch in BRANCHES], intake.branch[appeared]),
        "admission_year": np.full(len(appeared), intake.year, dtype=np.int16),
        "serial": intake.serial[appeared],
        "lateral_entry": intake.lateral[appeared],
    })  # fmt: skip


def _standings(
    cohort: Cohort, tickets: pl.Series, keys: Sequence[str], newest: NDArray[np.int16]
) -> pl.DataFrame:
    """Return one row per student and subject, under the newest code of the subject."""
    standing = cohort.standing
    student, slot = np.nonzero(standing != NEVER_SAT)
    subject, grade = cohort.subject[student, slot], standing[student, slot]
    cleared = cohort.cleared_release[student, slot]
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(student)),
        "subject_code": _texts([each.code for each in load_curricula().subjects], newest[subject]),
        "semester": (slot // SLOTS_PER_SEMESTER + 1).astype(np.int16),
        "credits": load_curricula().half_credits[subject] / 2,
        "grade": _texts(GRADES, grade),
        "points": _points(grade),
        "state": _texts(STATES, grade),
        "attempts": cohort.attempts[student, slot].astype(np.int16),
        "first_release": _texts(keys, cohort.first_release[student, slot]),
        "cleared_release": _null_unless(
            cleared != NO_RELEASE, _texts(keys, np.maximum(cleared, 0))
        ),
    })  # fmt: skip


def _semester_gpas(progress: Progress, tickets: pl.Series) -> pl.DataFrame:
    student, column = np.nonzero(progress.sat)
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(student)),
        "semester": (column + 1).astype(np.int16),
        "credits": progress.half_credits[student, column] / 2,
        "sgpa": _decimals(progress.sgpa[student, column]),
    })  # fmt: skip


def _student_cgpas(cohort: Cohort, progress: Progress, tickets: pl.Series) -> pl.DataFrame:
    appeared = np.flatnonzero(progress.sat.any(1))
    standing = cohort.standing
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(appeared)),
        "cgpa": _decimals(progress.cgpa[appeared]),
        "credits_counted": progress.counted_half_credits[appeared] / 2,
        "semesters_finished": progress.finished.sum(1)[appeared].astype(np.int16),
        "open_subjects": is_open(standing).sum(1)[appeared].astype(np.int16),
        "pending_subjects": is_pending(standing).sum(1)[appeared].astype(np.int16),
    })  # fmt: skip


def _attempts(published: PublishedRelease, rows: PrintedRows, tickets: pl.Series) -> pl.DataFrame:
    """Return the marks rows of a release; rows that a page repeats count once."""
    subject = (rows.marks >> GRADE_BITS).astype(np.int32)
    grade = (rows.marks & LOW_4_BITS).astype(np.int32)
    subjects = load_curricula().subjects
    style = choose_style(published.release.ordinal)
    names = [spell_subject(each, style) for each in subjects]
    return pl.DataFrame({
        "release": pl.repeat(published.release.key, len(grade), eager=True),
        "hall_ticket": tickets.gather(_owners(rows.mark_offsets)),
        "subject_code": _texts([each.code for each in subjects], subject),
        "subject_name": _texts(names, subject),
        "semester": pl.Series([each.semester for each in subjects], dtype=pl.Int16).gather(
            pl.Series(subject)
        ),
        "credits": load_curricula().half_credits[subject] / 2,
        "grade": _texts(GRADES, grade),
        "points": _points(grade),
    })  # fmt: skip


def _results(published: PublishedRelease, rows: PrintedRows, tickets: pl.Series) -> pl.DataFrame:
    """Return the result rows of a release, one per student and semester."""
    lines = rows.results
    return pl.DataFrame({
        "release": pl.repeat(published.release.key, len(lines), eager=True),
        "hall_ticket": tickets.gather(_owners(rows.result_offsets)),
        "semester": (lines & LOW_4_BITS).astype(np.int16),
        "status": _texts(STATUSES, lines >> STATUS_SHIFT & LOW_4_BITS),
        "sgpa": _decimals(lines >> SGPA_SHIFT & LOW_11_BITS),
        "cgpa": _decimals(lines >> CGPA_SHIFT & LOW_11_BITS),
    })  # fmt: skip


def _owners(offsets: NDArray[np.uint32]) -> pl.Series:
    """Return the student number of each printed row."""
    counts = offsets[1:].astype(np.int64) - offsets[:-1]
    return pl.Series(np.repeat(np.arange(len(counts)), counts))


def _releases(published_releases: list[PublishedRelease]) -> pl.DataFrame:
    rows = [
        {
            "release": release.key,
            "title": release.title,
            "kind": release.exam_kind,
            "scheme": release.scheme,
            "session_year": release.year,
            "session_month": release.months[0],
            "published_on": release.published_on,
            "semesters": list(release.semesters),
            "revises": published.revises.release.key if published.revises else None,
            "pages": published.page_count,
        }
        for published in published_releases
        for release in [published.release]
    ]
    return pl.DataFrame(rows).with_columns(
        pl.col("session_year", "session_month").cast(pl.Int16),
        pl.col("semesters").cast(pl.List(pl.Int16)),
        pl.col("revises").cast(pl.String),
    )


def _equivalent_codes(changes: Sequence[CodeChange]) -> pl.DataFrame:
    """Return the lines that a file of equivalent codes needs for these changes."""
    rows = [(change.old, change.new, f"new code in {change.scheme}") for change in changes]
    columns = ("old_code", "new_code", "why")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _texts(texts: Sequence[str], numbers: NDArray[np.integer]) -> pl.Series:
    """Return the texts that numbers stand for."""
    return pl.Series(list(texts), dtype=pl.String).gather(pl.Series(numbers.astype(np.uint32)))


def _decimals(hundredths: NDArray[np.integer]) -> pl.Series:
    """Return hundredths as decimals, null for `NO_GPA`."""
    return _null_unless(hundredths != NO_GPA, pl.Series(hundredths.astype(np.float64) / 100))


def _points(grade: NDArray[np.integer]) -> pl.Series:
    """Return the grade points, null where the university has not decided."""
    points = POINTS[grade]
    return _null_unless(points != UNDECIDED, pl.Series(points))


def _null_unless(condition: NDArray[np.bool_], values: pl.Series) -> pl.Series:
    return pl.select(pl.when(pl.Series(condition)).then(values)).to_series()
