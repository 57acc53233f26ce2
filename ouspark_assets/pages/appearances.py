"""Personal details: typed columns from printed texts, and the latest details of each student."""

import polars as pl

from ouspark_assets.domain.hall_tickets import hall_ticket_parts
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.pages.vocabulary import COURSES, EMPTY_VALUES, GENDERS, MEDIUMS
from ouspark_assets.schemas.clean import STUDENTS


def parse_appearances(printed: pl.DataFrame) -> pl.DataFrame:
    """Return the printed details with typed columns added; names keep their case."""
    return printed.with_columns(
        _non_empty("name"),
        _non_empty("father_name"),
        _canonical("gender", GENDERS, ignored=r"\."),
        _canonical("course", COURSES, ignored=r"[. ()-]"),
        _canonical("medium", MEDIUMS, ignored=r"\."),
    )


def _non_empty(field: str) -> pl.Expr:
    text = pl.col(f"{field}_text")
    return pl.when(~text.is_in(EMPTY_VALUES)).then(text).alias(field)


def _canonical(field: str, spellings: dict[str, str], *, ignored: str) -> pl.Expr:
    """Return the canonical spelling of a known value; any other text as printed."""
    text = pl.col(f"{field}_text")
    key = text.str.to_uppercase().str.replace_all(ignored, "")
    known = key.replace_strict(spellings, default=None, return_dtype=pl.String)
    return pl.when(~text.is_in(EMPTY_VALUES)).then(pl.coalesce(known, text)).alias(field)


def select_latest_appearances(
    appearances: pl.DataFrame, release_index: pl.DataFrame
) -> pl.DataFrame:
    """Return one row per student: the latest appearance in release order, with ticket parts."""
    order = in_release_order(release_index).select("release", "release_order")
    latest = (
        appearances.join(order, on="release", how="left")
        .sort("release_order", "release", nulls_last=False)
        .unique("hall_ticket", keep="last", maintain_order=True)
        .rename({"release": "last_release"})
        .with_columns(hall_ticket_parts())
    )
    return STUDENTS.conform(latest).sort("hall_ticket")
