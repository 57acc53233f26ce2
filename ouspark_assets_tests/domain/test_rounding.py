from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.domain.rounding import hundredths, mean_half_up, percent_half_up, ratio_half_up


def ratio(numerator: int, denominator: int) -> float | None:
    frame = pl.DataFrame({"n": [numerator], "d": [denominator]}, schema_overrides={"n": pl.Int64})
    return frame.select(ratio_half_up(pl.col("n"), pl.col("d"))).item()


def half_up(exact: Decimal) -> float:
    return float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(65, 8, 8.13), (8125, 1000, 8.13), (8124, 1000, 8.12), (1005, 1000, 1.01), (10, 1, 10.0)],
)
def test_halves_are_rounded_up(numerator: int, denominator: int, rounded: float) -> None:
    assert ratio(numerator, denominator) == rounded


def test_a_ratio_with_denominator_zero_is_null() -> None:
    assert ratio(0, 0) is None


@given(st.integers(0, 10**7), st.integers(1, 10**6))
def test_ratios_are_rounded_like_decimals(numerator: int, denominator: int) -> None:
    assert ratio(numerator, denominator) == half_up(Decimal(numerator) / Decimal(denominator))


@given(st.integers(0, 10**5), st.integers(1, 10**5))
def test_percentages_are_rounded_like_decimals(part: int, whole: int) -> None:
    frame = pl.DataFrame({"part": [part], "whole": [whole]})
    percent = frame.select(percent_half_up(pl.col("part"), pl.col("whole"))).item()
    assert percent == half_up(Decimal(100 * part) / Decimal(whole))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_means_of_two_decimal_values_are_rounded_like_decimals(cents: list[int]) -> None:
    frame = pl.DataFrame({"value": [cent / 100 for cent in cents]})
    mean = frame.select(mean_half_up(pl.col("value"), pl.len())).item()
    assert mean == half_up(sum(map(Decimal, cents), Decimal(0)) / 100 / len(cents))


@given(st.integers(0, 3000))
def test_credits_are_exact_in_hundredths(count: int) -> None:
    frame = pl.DataFrame({"credits": [count / 100]})
    assert frame.select(hundredths()).item() == count
