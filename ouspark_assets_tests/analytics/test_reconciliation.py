"""The checks between tables pass on consistent tables, and each finds the fault it is made for."""

import polars as pl
import pytest

from ouspark_assets.analytics.anomalies import find_changed_colleges, find_lost_rows
from ouspark_assets.analytics.reconciliation import (
    ranks_are_dense_and_within_out_of,
    sgpas_that_differ_from_print,
)
from ouspark_assets.bench.synthetic import generate_clean_tables
from ouspark_assets.orchestration.checks.analytics import RECONCILIATIONS, Reconciliation
from ouspark_assets.schemas.analytics import COLLEGE_STATS
from ouspark_assets.schemas.reference import SUBJECTS
from ouspark_assets_tests.analytics.universities import (
    ANN,
    FEB_22,
    compute_aggregates,
    compute_all_aggregates,
    ticket,
)

EACH = pytest.mark.parametrize("each", RECONCILIATIONS, ids=lambda each: each.check.__name__)
LIMITS = {"pass_percent": 15.0, "mean_cgpa": 0.5}


@pytest.fixture(scope="module")
def university() -> dict[str, pl.DataFrame]:
    return compute_all_aggregates(
        {**vars(generate_clean_tables(2_000)), "subjects": SUBJECTS.empty()}
    )


def run_check(each: Reconciliation, frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    return each.check(*(frames[table.name] for table in (each.table, *each.others)))


@EACH
def test_consistent_tables_have_no_differences(
    each: Reconciliation, university: dict[str, pl.DataFrame]
) -> None:
    assert run_check(each, university).is_empty()


@EACH
def test_a_missing_row_is_found(each: Reconciliation, university: dict[str, pl.DataFrame]) -> None:
    table = university[each.table.name]
    differences = run_check(each, {**university, each.table.name: table.slice(1)})
    assert differences.height > 0
    assert (differences["expected"] != differences["found"]).all()


@EACH
def test_empty_tables_have_no_differences(each: Reconciliation) -> None:
    assert run_check(each, compute_aggregates([])).is_empty()


def test_a_gap_in_the_ranks_is_found(university: dict[str, pl.DataFrame]) -> None:
    second = (pl.col("rank") == 2) & (pl.col("scope") == "university")
    gap = university["student_rankings"].with_columns(
        pl.when(second).then(3).otherwise("rank").alias("rank")
    )
    differences = ranks_are_dense_and_within_out_of(gap, university["students"])
    assert "ranks of university 2018" in differences["what"].to_list()


def test_a_differing_printed_sgpa_is_reported_with_both_values() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "A")], [(FEB_22, ANN, 1, "PASSED", 8.9)])
    assert sgpas_that_differ_from_print(found["semester_gpas"]).select(
        "sgpa", "sgpa_printed"
    ).rows() == [(9.0, 8.9)]


def test_an_open_semester_that_is_printed_as_clear_is_a_difference() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "F")], [(FEB_22, ANN, 1, "PASSED", 8.9)])
    assert sgpas_that_differ_from_print(found["semester_gpas"]).height == 1


def college_stats(pass_percent: float, mean_cgpa: float) -> pl.DataFrame:
    stats = compute_aggregates([(FEB_22, ticket(1), "101", 4, "A")])["college_stats"]
    return COLLEGE_STATS.conform(
        stats.with_columns(
            pl.lit(pass_percent).alias("pass_percent"), pl.lit(mean_cgpa).alias("mean_cgpa")
        )
    )


def test_a_college_that_changed_beyond_the_limits_is_reported_with_both_values() -> None:
    before, now = college_stats(80, 7.5), college_stats(60, 8.2)
    assert find_changed_colleges(now, before, LIMITS).rows() == [
        ("college 1604, admitted 2021", "pass_percent", 80.0, 60.0),
        ("college 1604, admitted 2021", "mean_cgpa", 7.5, 8.2),
    ]


def test_changes_within_the_limits_and_new_colleges_are_not_anomalies() -> None:
    now = college_stats(80, 7.5)
    assert find_changed_colleges(now, college_stats(70, 7.1), LIMITS).is_empty()
    assert find_changed_colleges(now, now.clear(), LIMITS).is_empty()


def test_lost_rows_beyond_the_limit_are_an_anomaly() -> None:
    assert find_lost_rows("clean.marks", now=80, before=100, max_lost_percent=20).is_empty()
    assert find_lost_rows("clean.marks", now=79, before=100, max_lost_percent=20).rows() == [
        ("clean.marks", "rows", 100.0, 79.0)
    ]
