"""Values with two decimals are rounded half up and equal the float of their decimal text."""

from decimal import ROUND_HALF_UP, Decimal
from statistics import median

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.analytics.options import Options
from ouspark_assets.domain.rounding import from_hundredths, mean_half_up, median_half_up

CENT = Decimal("0.01")
cgpas = st.lists(st.integers(0, 1000), min_size=1, max_size=30)


def half_up(value: Decimal) -> float:
    return float(value.quantize(CENT, ROUND_HALF_UP))


@given(cgpas)
def test_medians_are_rounded_like_decimals(cents: list[int]) -> None:
    frame = pl.DataFrame({"value": [cent / 100 for cent in cents]})
    found = frame.select(median_half_up(pl.col("value"))).item()
    assert found == half_up(Decimal(str(median(map(Decimal, cents)))) * CENT)


def test_the_mean_and_median_of_no_values_are_null() -> None:
    nothing = pl.DataFrame({"value": [None, None]}, schema={"value": pl.Float64})
    value = pl.col("value")
    found = nothing.select(
        mean_half_up(value, value.count()).alias("mean"), median_half_up(value).alias("median")
    )
    assert found.row(0) == (None, None)


@given(st.integers(0, 10_000_000))
def test_hundredths_equal_the_float_of_their_decimal_text(cents: int) -> None:
    found = pl.DataFrame({"cents": [cents]}).select(from_hundredths(pl.col("cents"))).item()
    assert found == float(f"{cents // 100}.{cents % 100:02d}")


@given(cents=st.integers(0, 1000), factor=st.integers(900, 1100), offset=st.integers(0, 100))
def test_percentages_of_cgpas_are_rounded_like_decimals(
    cents: int, factor: int, offset: int
) -> None:
    options = Options(percentage_factor=factor / 100, percentage_offset=offset / 100)
    frame = pl.DataFrame({"cgpa": [cents / 100]})
    exact = (cents - offset) * CENT * factor * CENT
    found = frame.select(options.percentage(pl.col("cgpa"))).item()
    assert found == half_up(min(max(exact, Decimal(0)), Decimal(100)))
