"""The truth, exported: what every student really has, as the population knows it itself.

Only what the published releases show. Here the files are written and what releases printed is laid
out; what students have reached is `truth_of_students.py`.
"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.standin.curriculum import curricula
from ouspark_assets.standin.grading import GRADES, POINTS, STATUSES, UNDECIDED
from ouspark_assets.standin.page_style import style_of
from ouspark_assets.standin.printed_rows import (
    CGPA_SHIFT,
    GRADE_BITS,
    LOW_4_BITS,
    LOW_11_BITS,
    SGPA_SHIFT,
    STATUS_SHIFT,
    Sheets,
)
from ouspark_assets.standin.result_pages import printed_name
from ouspark_assets.standin.titles import scheme_of, title_of
from ouspark_assets.standin.truth_of_students import gpa_column, text_column, truth_of_cohort
from ouspark_assets.standin.world import Publication, World


def export_truth(world: World, folder: Path) -> dict[str, int]:
    """Write the seven files into a folder; returns the rows of each."""
    tables = truth_of(world)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            beside = folder / f".{name}.parquet.part"
            table.write_parquet(beside, compression="zstd")
            beside.replace(folder / f"{name}.parquet")
    except OSError as error:
        message = f"Can't write the truth to {folder}: {error.strerror or error}; choose another"
        raise SiteError(message) from error
    return {name: len(table) for name, table in tables.items()}


def truth_of(world: World) -> dict[str, pl.DataFrame]:
    """The seven tables of the truth by their names."""
    tickets = [pl.Series("hall_ticket", of_cohort, pl.String) for of_cohort in world.tickets]
    keys = [publication.release.key for publication in world.published]
    printed = [
        (publication, sheets, of_cohort)
        for publication in world.published
        for sheets, of_cohort in zip(publication.sheets, tickets, strict=False)
    ]
    of_students = [
        truth_of_cohort(cohort, of_cohort, keys)
        for cohort, of_cohort in zip(world.cohorts, tickets, strict=True)
    ]
    return {
        **{name: pl.concat(part[name] for part in of_students) for name in of_students[0]},
        "attempts": pl.concat(_attempts(*part) for part in printed),
        "results": pl.concat(_results(*part) for part in printed),
        "releases": _releases(world.published),
    }


def _attempts(publication: Publication, sheets: Sheets, tickets: pl.Series) -> pl.DataFrame:
    """The marks rows of a release; repeated rows once."""
    subject = (sheets.marks >> GRADE_BITS).astype(np.int32)
    grade = (sheets.marks & LOW_4_BITS).astype(np.int32)
    subjects = curricula().subjects
    style = style_of(publication.release.ordinal)
    names = [printed_name(each, style) for each in subjects]
    points = POINTS[grade]
    return pl.DataFrame({
        "release": pl.repeat(publication.release.key, len(grade), eager=True),
        "hall_ticket": tickets.gather(_owners(sheets.mark_offsets)),
        "subject_code": text_column([each.code for each in subjects], subject),
        "subject_name": text_column(names, subject),
        "semester": np.array([each.semester for each in subjects], dtype=np.int16)[subject],
        "credits": curricula().half_credits[subject] / 2,
        "grade": text_column(GRADES, grade),
        "points": pl.select(
            pl.when(pl.Series(points != UNDECIDED)).then(pl.Series(points))
        ).to_series(),
    })  # fmt: skip


def _results(publication: Publication, sheets: Sheets, tickets: pl.Series) -> pl.DataFrame:
    """The semester lines of a release."""
    lines = sheets.lines
    return pl.DataFrame({
        "release": pl.repeat(publication.release.key, len(lines), eager=True),
        "hall_ticket": tickets.gather(_owners(sheets.line_offsets)),
        "semester": (lines & LOW_4_BITS).astype(np.int16),
        "status": text_column(STATUSES, lines >> STATUS_SHIFT & LOW_4_BITS),
        "sgpa": gpa_column(lines >> SGPA_SHIFT & LOW_11_BITS),
        "cgpa": gpa_column(lines >> CGPA_SHIFT & LOW_11_BITS),
    })  # fmt: skip


def _owners(offsets: NDArray[np.uint32]) -> pl.Series:
    """The row of the student that each printed row belongs to."""
    counts = offsets[1:].astype(np.int64) - offsets[:-1]
    return pl.Series(np.repeat(np.arange(len(counts)), counts))


def _releases(published: list[Publication]) -> pl.DataFrame:
    rows = [
        {
            "release": publication.release.key,
            "title": title_of(publication.release),
            "kind": publication.release.exam_kind,
            "scheme": scheme_of(publication.release),
            "session_year": publication.release.year,
            "session_month": publication.release.months[0],
            "published_on": publication.release.published_on,
            "semesters": list(publication.release.semesters),
            "revises": publication.revises.release.key if publication.revises else None,
            "pages": publication.pages,
        }
        for publication in published
    ]
    return pl.DataFrame(rows).with_columns(
        pl.col("session_year", "session_month").cast(pl.Int16),
        pl.col("semesters").cast(pl.List(pl.Int16)),
        pl.col("revises").cast(pl.String),
    )
