"""Rounding half up to two decimals in integer arithmetic, as the university rounds an SGPA.

Credits are counted in hundredths, so every sum is an exact integer until the final division.
"""

import polars as pl

HUNDRED = 100


def hundredths(column: str = "credits") -> pl.Expr:
    """Return a column of two-decimal values as exact integers, in hundredths."""
    return (pl.col(column) * HUNDRED).round(0).cast(pl.Int64)


def from_hundredths(count: pl.Expr) -> pl.Expr:
    """Return a count of hundredths as the float nearest to its two decimals.

    The final rounding is needed because polars divides by a constant by multiplying with its
    inverse, which gives 610 / 100 != 6.1.
    """
    return (count / HUNDRED).round(2).cast(pl.Float64)


def ratio_half_up(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Return numerator / denominator of non-negative integers; null when the denominator is 0."""
    rounded = (2 * HUNDRED * numerator + denominator) // (2 * denominator)
    return pl.when(denominator > 0).then(from_hundredths(rounded))


def percent_half_up(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Return 100 × part / whole of non-negative integers; null when the whole is 0."""
    return ratio_half_up(HUNDRED * part.cast(pl.Int64), whole.cast(pl.Int64))


def mean_half_up(value: pl.Expr, n: pl.Expr) -> pl.Expr:
    """Return the mean of a column of two-decimal values over its n non-null rows."""
    total = (value * HUNDRED).round(0).cast(pl.Int64).sum()
    count = n.cast(pl.Int64)
    rounded = (2 * total + count) // (2 * count)
    return pl.when(count > 0).then(from_hundredths(rounded))


def median_half_up(value: pl.Expr) -> pl.Expr:
    """Return the median of a column of two-decimal values; null when it has none."""
    median = (value * HUNDRED).round(0).cast(pl.Int64).median()
    return from_hundredths((median + 0.5).floor())
