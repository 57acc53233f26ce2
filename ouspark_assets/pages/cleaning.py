"""A batch of pages of one release to clean rows: read, type, judge.

The order of the steps is here, each step in a module of its own.
"""

from collections.abc import Sequence

import polars as pl

from ouspark_assets.pages.appearances import typed_appearances
from ouspark_assets.pages.batch import CleanBatch, accounting_of
from ouspark_assets.pages.corrections import Correction, corrected
from ouspark_assets.pages.judging import Judged, judged
from ouspark_assets.pages.layout import layout_of
from ouspark_assets.pages.marks import mark_problems, typed_marks
from ouspark_assets.pages.printed import (
    Page,
    printed_appearances,
    printed_marks,
    printed_results,
)
from ouspark_assets.pages.reading import read_page
from ouspark_assets.pages.results import result_problems, sgpa_problems, typed_results
from ouspark_assets.pages.whole_pages import page_reasons, rejected_pages
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, RESULTS

ROW_TABLES = ("appearances", "results", "marks")
# Columns of few different values, which are counted to notice new ones.
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
    """Everything that a batch of pages (hall_ticket, sha256, body) says, accepted or rejected.

    `subjects` gives the semester of subject codes that do not tell it (subject_code, semester).
    """
    taken = [
        Page(ticket, sha256, read_page(body))
        for ticket, sha256, body in pages.select("hall_ticket", "sha256", "body").iter_rows()
    ]
    reasons = [page_reasons(page) for page in taken]
    good = [page for page, why in zip(taken, reasons, strict=True) if not why]
    mine = [correction for correction in corrections if correction.release == release]
    judgements = {"appearances": _appearances(release, good, mine)}
    judgements["marks"] = _marks(release, good, subjects, mine)
    judgements["results"] = _results(release, good, judgements["marks"].accepted, mine)
    rejected = _rejected_pages(release, pages["body"], taken, reasons)
    return CleanBatch(
        **{name: judgement.accepted for name, judgement in judgements.items()},
        rejected=pl.concat([rejected, *(judgements[name].rejected for name in ROW_TABLES)]),
        accounting=accounting_of(
            {
                "pages": (len(taken), len(good), 0, rejected.height),
                **{name: judgements[name].counts for name in ROW_TABLES},
            }
        ),
        layout=layout_of([page.text for page in taken], _vocabularies(judgements)),
    )


def _rejected_pages(
    release: str, bodies: pl.Series, taken: list[Page], reasons: list[list[str]]
) -> pl.DataFrame:
    bad = [at for at, why in enumerate(reasons) if why]
    return rejected_pages(
        release, [(taken[at], reasons[at]) for at in bad], (bodies[at] for at in bad)
    )


def _vocabularies(judgements: dict[str, Judged]) -> dict[str, pl.Series]:
    return {
        column: judgements[table].accepted[column]
        for table, columns in COUNTED_COLUMNS.items()
        for column in columns
    }


def _appearances(release: str, pages: list[Page], corrections: list[Correction]) -> Judged:
    printed = printed_appearances(pages)
    typed = typed_appearances(_of(release, corrected(printed, corrections)))
    return judged(APPEARANCES, printed, typed, lambda _: ())


def _marks(
    release: str, pages: list[Page], subjects: pl.DataFrame, corrections: list[Correction]
) -> Judged:
    printed = printed_marks(pages)
    typed = typed_marks(_of(release, corrected(printed, corrections)), subjects)
    return judged(MARKS, printed, typed, mark_problems)


def _results(
    release: str, pages: list[Page], marks: pl.DataFrame, corrections: list[Correction]
) -> Judged:
    printed = printed_results(pages)
    typed = typed_results(_of(release, corrected(printed, corrections)))
    return judged(
        RESULTS,
        printed,
        typed,
        lambda rows: [*result_problems(rows), sgpa_problems(rows, marks)],
    )


def _of(release: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(release).alias("release"))
