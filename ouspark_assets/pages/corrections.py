"""Corrections by hand: what an operator put in place of a record's printed texts.

They are applied to the texts, before anything is validated, at every parse of the record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.pages.printed import APPEARANCE_TEXTS, MARK_TEXTS, Printed
from ouspark_assets.pages.text import normalised

# The printed texts that may be replaced. A whole page can't be corrected, only fetched again.
CORRECTABLE: Mapping[str, tuple[str, ...]] = {
    "appearances": APPEARANCE_TEXTS,
    "results": ("semester", "result", "cgpa"),
    "marks": MARK_TEXTS,
    "pages": (),
}


class CorrectionError(OuSparkError):
    """A correction names something that can't be corrected."""


@dataclass(frozen=True)
class Correction:
    """New texts for some fields of one record, found by the fingerprint of what was printed."""

    release: str
    hall_ticket: str
    table_name: str
    fingerprint: str
    changes: Mapping[str, str]


def corrected(printed: Printed, corrections: Sequence[Correction]) -> pl.DataFrame:
    """The printed texts with the corrections of this table's records in place."""
    frame = printed.frame
    mine = [it for it in corrections if it.table_name == printed.table_name]
    tickets = {it.hall_ticket for it in mine}
    candidates = frame.filter(pl.col("hall_ticket").is_in(tickets)) if mine else frame.clear()
    for row, ticket in candidates.select("row", "hall_ticket").iter_rows():
        fingerprint = printed.fingerprint(row)
        for correction in mine:
            if (correction.hall_ticket, correction.fingerprint) == (ticket, fingerprint):
                frame = _with_changes(frame, row, printed.table_name, correction.changes)
    return frame


def check_changes(table_name: str, changes: Mapping[str, str]) -> None:
    """Refuse a correction that names a field its table does not have."""
    allowed = CORRECTABLE.get(table_name, ())
    wrong = [field for field in changes if field not in allowed]
    if wrong or not changes:
        may = f"its fields are {', '.join(allowed)}" if allowed else "fetch the page again instead"
        what = f"has no field {', '.join(wrong)} to correct" if wrong else "needs a new value"
        message = f"A record of {table_name} {what}: {may}"
        raise CorrectionError(message)


def _with_changes(
    frame: pl.DataFrame, row: int, table_name: str, changes: Mapping[str, str]
) -> pl.DataFrame:
    texts = {
        f"{field}_text": normalised(text.replace("\0", ""))
        for field, text in changes.items()
        if field in CORRECTABLE[table_name]
    }
    if table_name == "results" and "semester" in changes:
        texts["year_text"] = ""
    here = pl.col("row") == row
    return frame.with_columns(
        *(
            pl.when(here).then(pl.lit(text)).otherwise(pl.col(name)).alias(name)
            for name, text in texts.items()
        ),
        *(pl.when(~here).then(pl.col(name)).alias(name) for name in ("problem", "misfit")),
    )
