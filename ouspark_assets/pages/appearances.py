"""Personal details: from printed texts to columns with one spelling per known value."""

import polars as pl

from ouspark_assets.pages.vocabulary import COURSES, GENDERS, MEDIUMS, NOTHING


def typed_appearances(printed: pl.DataFrame) -> pl.DataFrame:
    """The printed details with their columns beside the texts; names keep their case."""
    return printed.with_columns(
        _or_null("name"),
        _or_null("father_name"),
        _spelled("gender", GENDERS, r"\."),
        _spelled("course", COURSES, r"[. ()-]"),
        _spelled("medium", MEDIUMS, r"\."),
    )


def _or_null(field: str) -> pl.Expr:
    text = pl.col(f"{field}_text")
    return pl.when(~text.is_in(NOTHING)).then(text).alias(field)


def _spelled(field: str, spellings: dict[str, str], ignored: str) -> pl.Expr:
    """The one spelling of a known value; any other text as it is printed."""
    text = pl.col(f"{field}_text")
    key = text.str.to_uppercase().str.replace_all(ignored, "")
    known = key.replace_strict(spellings, default=None, return_dtype=pl.String)
    return pl.when(~text.is_in(NOTHING)).then(pl.coalesce(known, text)).alias(field)
