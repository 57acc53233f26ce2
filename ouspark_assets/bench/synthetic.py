"""Synthetic tables of any size, generated in a second, to load, aggregate and publish.

Every student sits five subjects in each of eight semesters; some fail, some sit again, some are
revalued. Use the stand-in for realistic histories of students.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.domain.grades import points_expression
from ouspark_assets.domain.hall_tickets import hall_ticket_parts
from ouspark_assets.pipeline.aggregates import AGGREGATES
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import (
    APPEARANCES,
    MARKS,
    NO_RESULTS,
    QUARANTINE,
    RESULTS,
    STUDENTS,
)
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.schemas.table import Table
from ouspark_assets.sources.reference_files import read_branches, read_colleges, read_subjects

FIRST_YEAR, YEARS = 2018, 5
COLLEGES = tuple(str(code) for code in (*range(1601, 1611), *range(2451, 2457)))
BRANCHES = ("732", "733", "734", "735", "736", "737", "748", "750")
SEMESTERS, SEMESTER_SUBJECTS = 8, 5
SUBJECTS = SEMESTERS * SEMESTER_SUBJECTS
CREDITS = np.array([3.0, 4.0, 3.0, 1.5, 0.0])
GRADES = np.array(["S", "A", "B", "C", "D", "E", "F", "Ab", "WH"])
GRADE_PROBABILITIES = np.array([0.08, 0.17, 0.22, 0.20, 0.14, 0.09, 0.08, 0.015, 0.005])
OPEN_GRADES = np.array([6, 7, 8])
# Shares of sittings: repeated although passed, revalued, repeated again after another failure.
IMPROVING_SHARE, REVALUED_SHARE, RETRYING_SHARE = 0.01, 0.015, 0.8
# Sessions between the first sitting and its repeats.
REPEAT_AFTER = (2, 4, 6)
LATERAL_SERIALS = 300
SHA256 = "0" * 64


@dataclass(frozen=True)
class CleanTables:
    """The clean tables from which the aggregates are computed."""

    release_index: pl.DataFrame
    students: pl.DataFrame
    marks: pl.DataFrame
    results: pl.DataFrame
    quarantine: pl.DataFrame


def generate_clean_tables(students: int, seed: int = 1) -> CleanTables:
    """Return the clean tables of this many students with about 45 attempts each."""
    random = np.random.default_rng(seed)
    tickets = _generate_tickets(students)
    marks = _generate_attempts(tickets, random)
    return CleanTables(
        release_index=_generate_release_index(),
        students=_generate_students(tickets, marks, random),
        marks=marks,
        results=_summarise_marks(marks),
        quarantine=QUARANTINE.empty(),
    )


def _generate_tickets(students: int) -> pl.DataFrame:
    number = np.arange(students)
    classes = len(COLLEGES) * len(BRANCHES) * YEARS
    block, serial = number % classes, number // classes + 1
    serial = np.where(serial % 12 == 0, LATERAL_SERIALS + serial // 12, serial)
    college, rest = np.divmod(block, len(BRANCHES) * YEARS)
    branch, year = np.divmod(rest, YEARS)
    parts = {"college": college, "branch": branch, "year": year, "serial": serial}
    return pl.DataFrame(parts).select(
        pl.format(
            "{}{}{}{}",
            pl.Series(COLLEGES).gather(college),
            pl.col("year") + FIRST_YEAR % 100,
            pl.Series(BRANCHES).gather(branch),
            pl.col("serial").cast(pl.String).str.zfill(3),
        ).alias("hall_ticket"),
        "branch",
        "year",
        (pl.col("serial") > LATERAL_SERIALS).alias("lateral"),
    )  # fmt: skip


def _generate_attempts(tickets: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Return first sittings, a few revaluations, and up to three repeats of open subjects."""
    student = np.repeat(np.arange(tickets.height), SUBJECTS)
    subject = np.tile(np.arange(SUBJECTS), tickets.height)
    known = ~(tickets["lateral"].to_numpy()[student] & (subject < 2 * SEMESTER_SUBJECTS))
    student, subject = student[known], subject[known]
    session = 2 * tickets["year"].to_numpy()[student] + subject // SEMESTER_SUBJECTS
    grade = random.choice(len(GRADES), len(student), p=GRADE_PROBABILITIES)
    sittings = [(student, subject, session, grade, np.zeros(len(student), dtype=bool))]
    again = np.isin(grade, OPEN_GRADES) | (random.random(len(grade)) < IMPROVING_SHARE)
    revalued = random.random(len(grade)) < REVALUED_SHARE
    sittings.append(
        (student[revalued], subject[revalued], session[revalued],
         np.maximum(grade[revalued] - random.integers(0, 3, revalued.sum()), 0),
         np.ones(revalued.sum(), dtype=bool))
    )  # fmt: skip
    for later in REPEAT_AFTER:
        student, subject, session = student[again], subject[again], session[again]
        grade = random.choice(len(GRADES), len(student), p=GRADE_PROBABILITIES)
        sittings.append(
            (student, subject, session + later, grade, np.zeros(len(student), dtype=bool))
        )
        again = np.isin(grade, OPEN_GRADES) & (random.random(len(grade)) < RETRYING_SHARE)
    student, subject, session, grade, revaluation = (
        np.concatenate(column) for column in zip(*sittings, strict=True)
    )
    release = 2 * session + revaluation
    branch = tickets["branch"].to_numpy()[student]
    codes = pl.Series(
        [
            f"{s // SEMESTER_SUBJECTS + 1}{s % SEMESTER_SUBJECTS + 1:02d}{chr(65 + b)}"
            for b in range(len(BRANCHES))
            for s in range(SUBJECTS)
        ]
    )
    names = pl.Series(
        [f"SUBJECT {n + 1}" for n in range(3)] + ["SUBJECT 4 LAB", "MANDATORY COURSE"]
    )
    frame = pl.DataFrame(
        {
            "release": pl.Series(_release_keys()).gather(release),
            "hall_ticket": tickets["hall_ticket"].gather(student),
            "subject_code": codes.gather(branch * SUBJECTS + subject),
            "subject_name": names.gather(subject % SEMESTER_SUBJECTS),
            "semester": (subject // SEMESTER_SUBJECTS + 1).astype(np.int16),
            "credits": CREDITS[subject % SEMESTER_SUBJECTS],
            "grade": pl.Series(GRADES).gather(grade),
        }
    )
    more = (
        points_expression().alias("points"),
        pl.lit(value=True).alias("points_derived"),
        pl.lit(SHA256).alias("sha256"),
    )
    return MARKS.conform(frame.with_columns(more).sample(fraction=1.0, shuffle=True, seed=1))


def _release_keys() -> list[str]:
    sessions = 2 * (YEARS - 1) + SEMESTERS + sum(REPEAT_AFTER)
    return [f"{FIRST_YEAR + s // 2}{s:03d}{kind}" for s in range(sessions) for kind in "mr"]


def _generate_release_index() -> pl.DataFrame:
    rows = []
    for number, key in enumerate(_release_keys()):
        session, revaluation = divmod(number, 2)
        year, month = FIRST_YEAR + session // 2, 1 + 6 * (session % 2)
        rows.append(
            {
                "release": key,
                "title": f"B.E. (CBCS) {month}-{year}",
                "url": f"http://127.0.0.1/res07/{key}.jsp",
                "course": "B.E.",
                "scheme": "CBCS",
                "exam_kind": "revaluation" if revaluation else "main",
                "revises": _release_keys()[number - 1] if revaluation else None,
                "semesters": None,
                "session_month": month,
                "session_year": year,
                "published_on": date(year, month, 20),
                "first_seen_at": datetime(2026, 1, 1, tzinfo=UTC),
            }
        )
    return pl.DataFrame(rows, schema=RELEASE_INDEX.dtypes)


def _generate_students(
    tickets: pl.DataFrame, marks: pl.DataFrame, random: np.random.Generator
) -> pl.DataFrame:
    size = tickets.height
    frame = tickets.select(
        "hall_ticket",
        pl.format("STUDENT {}", pl.int_range(pl.len())).alias("name"),
        pl.lit(None, pl.String).alias("father_name"),
        pl.Series("gender", ["MALE", "FEMALE", None]).gather(
            random.choice(3, size, p=[0.55, 0.44, 0.01])
        ),
        pl.lit("BE(CBCS)").alias("course"),
        pl.Series("medium", ["ENGLISH", "URDU"]).gather(random.choice(2, size, p=[0.98, 0.02])),
        pl.lit(SHA256).alias("sha256"),
        *hall_ticket_parts(),
    )
    last = marks.group_by("hall_ticket").agg(pl.col("release").max().alias("last_release"))
    return STUDENTS.conform(frame.join(last, on="hall_ticket"))


def _summarise_marks(marks: pl.DataFrame) -> pl.DataFrame:
    """Return a row per page and semester: PASSED when all its subjects there are passed."""
    clear = (pl.col("points") > 0).fill_null(value=False).all()
    lines = marks.group_by("release", "hall_ticket", "semester").agg(
        clear.alias("clear"), pl.col("points").mean().round(2).alias("mean")
    )
    return RESULTS.conform(
        lines.select(
            "release",
            "hall_ticket",
            "semester",
            pl.when("clear").then(pl.lit("PASSED")).otherwise(pl.lit("PROMOTED")).alias("status"),
            pl.when("clear").then("mean").alias("sgpa_printed"),
            pl.lit(None, pl.Float64).alias("cgpa_printed"),
            pl.lit(SHA256).alias("sha256"),
        )
    )


def generate_marks(rows: int) -> pl.DataFrame:
    """Return exactly this many rows of marks, by release, student and subject."""
    return generate_clean_tables(rows // SUBJECTS + 1).marks.head(rows).sort(MARKS.key)


def generate_published_tables(students: int) -> Mapping[Table, pl.DataFrame]:
    """Return all published tables for this many students, filled as by the pipeline."""
    clean = generate_clean_tables(students)
    pages = clean.marks.select("release", "hall_ticket").unique()
    frames = {
        **vars(clean),
        "no_results": NO_RESULTS.empty(),
        "colleges": read_colleges(),
        "branches": read_branches(),
        "subjects": read_subjects(),
        "appearances": APPEARANCES.conform(pages.join(clean.students, on="hall_ticket")),
    }
    for aggregate in AGGREGATES:
        frames[aggregate.table.name] = aggregate.compute(frames, Options())
    return {table: frames[table.name] for table in PUBLISHED_TABLES}
