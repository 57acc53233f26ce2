"""What the students of a cohort have reached: who they are, standings, SGPAs and CGPAs as tables.

Taken from the cohort's own arrays; the pipeline is held against this, so nothing of it is used.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ouspark_assets.standin.cohort import (
    GENDERS,
    MEDIA,
    NO_RELEASE,
    Cohort,
    Progress,
    progress_of,
)
from ouspark_assets.standin.cohorts import COLLEGES
from ouspark_assets.standin.curriculum import BRANCHES, SLOTS_OF_A_SEMESTER, curricula
from ouspark_assets.standin.grading import (
    GRADES,
    NEVER_SAT,
    NO_GPA,
    POINTS,
    STATES,
    UNDECIDED,
    is_open,
    is_pending,
)
from ouspark_assets.standin.student_names import father_name_of, name_of


def truth_of_cohort(
    cohort: Cohort, tickets: pl.Series, keys: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """The four tables about students, of the ones that any release shows."""
    progress = progress_of(cohort)
    return {
        "students": _students(cohort, tickets),
        "standings": _standings(cohort, tickets, keys),
        "semester_gpas": _semester_gpas(progress, tickets),
        "student_cgpas": _student_cgpas(cohort, progress, tickets),
    }


def text_column(texts: Sequence[str], numbers: NDArray[np.integer]) -> pl.Series:
    """Numbers as the texts they stand for."""
    return pl.Series(list(texts), dtype=pl.String).gather(pl.Series(numbers.astype(np.uint32)))


def gpa_column(hundredths: NDArray[np.integer]) -> pl.Series:
    """Hundredths as decimals, null where there is no GPA."""
    values = pl.Series(hundredths.astype(np.float64) / 100)
    return pl.select(pl.when(pl.Series(hundredths != NO_GPA)).then(values)).to_series()


def _students(cohort: Cohort, tickets: pl.Series) -> pl.DataFrame:
    seen = np.flatnonzero((cohort.first_release != NO_RELEASE).any(1))
    genders = [GENDERS[female] for female in cohort.female[seen].astype(int).tolist()]
    bits = list(
        zip(cohort.name_bits[seen].tolist(), cohort.father_bits[seen].tolist(), strict=True)
    )
    intake = cohort.intake
    names = [name_of(own, gender) for (own, _), gender in zip(bits, genders, strict=True)]
    fathers = [father_name_of(own, father) for own, father in bits]
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(seen)),
        "name": pl.Series(names, dtype=pl.String),
        "father_name": pl.Series(fathers, dtype=pl.String),
        "gender": pl.Series(genders, dtype=pl.String),
        "medium": text_column(MEDIA, cohort.medium[seen]),
        "college_code": text_column(COLLEGES, intake.college[seen]),
        "branch_code": text_column([branch.code for branch in BRANCHES], intake.branch[seen]),
        "admission_year": np.full(len(seen), intake.year, dtype=np.int16),
        "serial": intake.serial[seen],
        "lateral_entry": intake.lateral[seen],
    })  # fmt: skip


def _standings(cohort: Cohort, tickets: pl.Series, keys: Sequence[str]) -> pl.DataFrame:
    standing = cohort.standing()
    student, slot = np.nonzero(standing != NEVER_SAT)
    subject, grade = cohort.subject[student, slot], standing[student, slot]
    cleared = cohort.cleared_release[student, slot]
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(student)),
        "subject_code": text_column([each.code for each in curricula().subjects], subject),
        "semester": (slot // SLOTS_OF_A_SEMESTER + 1).astype(np.int16),
        "credits": curricula().half_credits[subject] / 2,
        "grade": text_column(GRADES, grade),
        "points": _null_where(POINTS[grade], UNDECIDED),
        "state": text_column(STATES, grade),
        "attempts": cohort.attempts[student, slot].astype(np.int16),
        "first_release": text_column(keys, cohort.first_release[student, slot]),
        "cleared_release": pl.select(
            pl.when(pl.Series(cleared != NO_RELEASE))
            .then(text_column(keys, np.maximum(cleared, 0)))
        ).to_series(),
    })  # fmt: skip


def _semester_gpas(progress: Progress, tickets: pl.Series) -> pl.DataFrame:
    student, column = np.nonzero(progress.sat)
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(student)),
        "semester": (column + 1).astype(np.int16),
        "credits": progress.half_credits[student, column] / 2,
        "sgpa": gpa_column(progress.sgpa()[student, column]),
    })  # fmt: skip


def _student_cgpas(cohort: Cohort, progress: Progress, tickets: pl.Series) -> pl.DataFrame:
    seen = np.flatnonzero(progress.sat.any(1))
    standing = cohort.standing()
    return pl.DataFrame({
        "hall_ticket": tickets.gather(pl.Series(seen)),
        "cgpa": gpa_column(progress.cgpa()[seen]),
        "credits_counted": progress.counted()[seen] / 2,
        "semesters_finished": progress.clear.sum(1)[seen].astype(np.int16),
        "open_subjects": is_open(standing).sum(1)[seen].astype(np.int16),
        "pending_subjects": is_pending(standing).sum(1)[seen].astype(np.int16),
    })  # fmt: skip


def _null_where(values: NDArray[np.int16], missing: int) -> pl.Series:
    return pl.select(pl.when(pl.Series(values != missing)).then(pl.Series(values))).to_series()
