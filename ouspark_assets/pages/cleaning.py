"""Cleaning a batch of pages of one release: read the pages, parse their records, validate them.

The order of the steps belongs here. Each step has a module of its own.
"""

from collections.abc import Sequence

import polars as pl

from ouspark_assets.pages.appearances import parse_appearances
from ouspark_assets.pages.batch import CleanBatch, make_accounting
from ouspark_assets.pages.corrections import Correction, apply_corrections
from ouspark_assets.pages.marks import find_mark_problems, parse_marks
from ouspark_assets.pages.page_layout import summarize_layout
from ouspark_assets.pages.page_reader import read_page
from ouspark_assets.pages.printed_records import (
    Page,
    PrintedRecords,
    extract_appearances,
    extract_marks,
    extract_results,
)
from ouspark_assets.pages.results import find_result_problems, find_sgpa_problems, parse_results
from ouspark_assets.pages.row_validation import ValidatedRows, validate_rows
from ouspark_assets.pages.whole_pages import find_page_problems, reject_pages
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS

ROW_TABLES = ("appearances", "results", "marks")
# Columns with few distinct values, which are counted so that a new value is noticed.
COUNTED_COLUMNS = {
    "appearances": ("gender", "course", "medium"),
    "results": ("status",),
    "marks": ("grade",),
}
NO_SUBJECTS = pl.DataFrame(schema={"subject_code": pl.String, "semester": pl.Int16})


def clean_pages(
    release: str,
    pages: pl.DataFrame,
    *,
    subjects: pl.DataFrame = NO_SUBJECTS,
    corrections: Sequence[Correction] = (),
) -> CleanBatch:
    """Return all records of the pages (hall_ticket, sha256, body), accepted or rejected.

    `subjects` (subject_code, semester) supplies the semesters that the codes do not encode.
    """
    read = [
        Page(ticket, sha256, read_page(body))
        for ticket, sha256, body in pages.select("hall_ticket", "sha256", "body").iter_rows()
    ]
    problems = [find_page_problems(page) for page in read]
    usable = [page for page, found in zip(read, problems, strict=True) if not found]
    rejected_pages = reject_pages(release, read, problems, pages["body"])
    corrections = [correction for correction in corrections if correction.release == release]

    def corrected(printed: PrintedRecords) -> pl.DataFrame:
        frame = apply_corrections(printed, corrections)
        return frame.with_columns(pl.lit(release).alias("release"))

    appearances = extract_appearances(usable)
    marks = extract_marks(usable)
    results = extract_results(usable)
    validated: dict[str, ValidatedRows] = {}
    validated["appearances"] = validate_rows(
        APPEARANCES, appearances, parse_appearances(corrected(appearances)), lambda _: ()
    )
    validated["marks"] = validate_rows(
        MARKS, marks, parse_marks(corrected(marks), subjects), find_mark_problems
    )
    accepted_marks = validated["marks"].accepted
    validated["results"] = validate_rows(
        RESULTS,
        results,
        parse_results(corrected(results)),
        lambda rows: [*find_result_problems(rows), find_sgpa_problems(rows, accepted_marks)],
    )
    return CleanBatch(
        **{name: rows.accepted for name, rows in validated.items()},
        rejected=pl.concat([rejected_pages, *(validated[name].rejected for name in ROW_TABLES)]),
        accounting=make_accounting(
            {
                "pages": (len(read), len(usable), 0, rejected_pages.height),
                **{name: validated[name].counts for name in ROW_TABLES},
            }
        ),
        layout=summarize_layout(
            [page.text for page in read],
            {
                column: validated[table].accepted[column]
                for table, columns in COUNTED_COLUMNS.items()
                for column in columns
            },
        ),
    )
