"""Counts as JSON text, for columns that hold an object of name → count."""

import polars as pl


def counts_as_json(name: pl.Expr, count: pl.Expr) -> pl.Expr:
    """All rows of a group as one object of name → count, in the order of the rows."""
    pairs = pl.concat_str(_quoted(name), pl.lit(":"), count.cast(pl.String))
    return pl.concat_str(pl.lit("{"), pairs.str.join(","), pl.lit("}"))


def _quoted(text: pl.Expr) -> pl.Expr:
    escaped = text.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
        '"', '\\"', literal=True
    )
    return pl.concat_str(pl.lit('"'), escaped, pl.lit('"'))
