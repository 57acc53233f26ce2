"""Frames are compared with the model of their table as a whole, and row by row."""

import polars as pl
import pytest

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.schemas.validation import find_broken_rules, find_violations, require_valid
from ouspark_assets_tests.support.factories import marks

TWO_MARKS = marks({"subject_code": "101"}, {"subject_code": "102"})


def test_a_frame_that_fits_its_model_breaks_no_rule() -> None:
    require_valid(MARKS, TWO_MARKS)
    assert find_broken_rules(MARKS, TWO_MARKS).is_empty()
    assert find_violations(MARKS, TWO_MARKS).is_empty()


def test_two_rows_with_the_same_key_do_not_fit_their_model() -> None:
    with pytest.raises(WarehouseError, match=r"clean\.marks was not written"):
        require_valid(MARKS, pl.concat([TWO_MARKS, TWO_MARKS.head(1)]))


def test_the_error_for_a_frame_names_each_broken_rule_with_its_cases() -> None:
    wrong = TWO_MARKS.with_columns(credits=pl.lit(31.0), semester=pl.lit(9, pl.Int16))
    with pytest.raises(WarehouseError) as refused:
        require_valid(MARKS, wrong)
    assert "credits: less_than_or_equal_to(30) (2×)" in str(refused.value)
    assert "semester: in_range(1, 8) (2×)" in str(refused.value)


def test_a_value_that_is_missing_is_a_violation_of_its_row_alone() -> None:
    wrong = TWO_MARKS.with_columns(
        credits=pl.when(pl.col("subject_code") == "102").then("credits"),
    )
    assert find_violations(MARKS, wrong).rows() == [(0, "credits", "credits is missing")]
