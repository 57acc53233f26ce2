"""Rounding half up to two decimals without floating point: how the university prints an SGPA.

Credits are counted in hundredths, so every sum is an exact integer until the one division.
"""

import polars as pl

HUNDRED = 100


def hundredths(column: str = "credits") -> pl.Expr:
    """Credits as an exact count of hundredths."""
    return (pl.col(column) * HUNDRED).round(0).cast(pl.Int64)


def from_hundredths(cents: pl.Expr) -> pl.Expr:
    """A count of hundredths as the float nearest to its two decimals.

    Polars divides by a constant by multiplying with its inverse: 610 / 100 is not 6.1 without the
    rounding.
    """
    return (cents / HUNDRED).round(2).cast(pl.Float64)


def ratio_half_up(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Numerator / denominator (integers, not negative), half up to 2 decimals; null over zero."""
    cents = (2 * HUNDRED * numerator + denominator) // (2 * denominator)
    return pl.when(denominator > 0).then(from_hundredths(cents))


def percent_half_up(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """100 × part / whole (integers), half up to 2 decimals; null when there is no whole."""
    return ratio_half_up(HUNDRED * part.cast(pl.Int64), whole.cast(pl.Int64))


def mean_half_up(value: pl.Expr, n: pl.Expr) -> pl.Expr:
    """Mean of a column of two-decimal values over its n non-null rows, half up to 2 decimals."""
    total = (value * HUNDRED).round(0).cast(pl.Int64).sum()
    count = n.cast(pl.Int64)
    cents = (2 * total + count) // (2 * count)
    return pl.when(count > 0).then(from_hundredths(cents))


def median_half_up(value: pl.Expr) -> pl.Expr:
    """Median of a column of two-decimal values, half up to 2 decimals; null without any."""
    cents = (value * HUNDRED).round(0).cast(pl.Int64).median()
    return from_hundredths((cents + 0.5).floor())
