"""Corrections: the texts that an operator entered in place of a record's printed texts.

They are applied to the printed texts before anything is validated, each time the page is parsed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.pages.html_tables import normalize_text
from ouspark_assets.pages.printed_records import APPEARANCE_FIELDS, MARK_FIELDS, PrintedRecords

# The fields whose texts may be replaced. A whole page cannot be corrected, only fetched again.
CORRECTABLE: Mapping[str, tuple[str, ...]] = {
    "appearances": APPEARANCE_FIELDS,
    "results": ("semester", "result", "cgpa"),
    "marks": MARK_FIELDS,
    "pages": (),
}


class CorrectionError(OuSparkError):
    """A correction names a field that cannot be corrected."""


@dataclass(frozen=True)
class Correction:
    """New texts for some fields of the record with this fingerprint."""

    release: str
    hall_ticket: str
    table_name: str
    fingerprint: str
    changes: Mapping[str, str]


def apply_corrections(printed: PrintedRecords, corrections: Sequence[Correction]) -> pl.DataFrame:
    """Return the printed texts with the corrections of this table's records applied."""
    frame = printed.frame
    relevant = [item for item in corrections if item.table_name == printed.table_name]
    tickets = {correction.hall_ticket for correction in relevant}
    candidates = frame.filter(pl.col("hall_ticket").is_in(tickets)) if relevant else frame.clear()
    for row, ticket in candidates.select("row", "hall_ticket").iter_rows():
        fingerprint = printed.fingerprint(row)
        for correction in relevant:
            if (correction.hall_ticket, correction.fingerprint) == (ticket, fingerprint):
                frame = _replace_texts(frame, row, printed.table_name, correction.changes)
    return frame


def check_changes(table_name: str, changes: Mapping[str, str]) -> None:
    """Raise a `CorrectionError` unless the changes name only correctable fields of the table."""
    allowed = CORRECTABLE.get(table_name, ())
    unknown = [field for field in changes if field not in allowed]
    if changes and not unknown:
        return
    problem = f"has no field {', '.join(unknown)} to correct" if unknown else "needs a new value"
    remedy = f"Its fields are {', '.join(allowed)}." if allowed else "Fetch the page again instead."
    message = f"A record of {table_name} {problem}. {remedy}"
    raise CorrectionError(message)


def _replace_texts(
    frame: pl.DataFrame, row: int, table_name: str, changes: Mapping[str, str]
) -> pl.DataFrame:
    texts = {
        f"{field}_text": normalize_text(text.replace("\0", ""))
        for field, text in changes.items()
        if field in CORRECTABLE[table_name]
    }
    if table_name == "results" and "semester" in changes:
        texts["year_text"] = ""
    is_row = pl.col("row") == row
    return frame.with_columns(
        *(
            pl.when(is_row).then(pl.lit(text)).otherwise(pl.col(name)).alias(name)
            for name, text in texts.items()
        ),
        *(pl.when(~is_row).then(pl.col(name)).alias(name) for name in ("problem", "misfit")),
    )
