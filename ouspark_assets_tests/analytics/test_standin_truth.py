"""Computed standings, SGPAs and CGPAs equal the stand-in's own records of its students."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.analytics.reconciliation import sgpas_that_differ_from_print
from ouspark_assets.schemas.analytics import SEMESTER_GPAS, STANDINGS, STUDENT_CGPAS
from ouspark_assets_tests.analytics.universities import (
    LazyAggregates,
    clean_tables_from_truth,
    generate_truth,
)


def assert_equals_truth(
    students: int, releases: int, seed: int, *, changed_codes: bool = False
) -> None:
    truth = generate_truth(students, releases, seed, changed_codes=changed_codes)
    computed = LazyAggregates(clean_tables_from_truth(truth))
    for table in (STANDINGS, SEMESTER_GPAS, STUDENT_CGPAS):
        expected = truth[table.name]
        columns = [name for name in table.columns if name in expected.columns]
        assert_frame_equal(
            computed[table.name].select(columns).sort(table.key),
            expected.select(pl.col(name).cast(table.dtypes[name]) for name in columns).sort(
                table.key
            ),
            check_exact=True,
        )
    assert sgpas_that_differ_from_print(computed["semester_gpas"]).is_empty()


@pytest.mark.parametrize("seed", [1, 2])
def test_every_standing_sgpa_and_cgpa_equals_the_truth(seed: int) -> None:
    assert_equals_truth(students=400, releases=14, seed=seed)


def test_standings_sgpas_and_cgpas_equal_the_truth_when_codes_have_changed() -> None:
    assert_equals_truth(students=400, releases=14, seed=1, changed_codes=True)


@pytest.mark.full
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_standing_sgpa_and_cgpa_of_five_thousand_students_equals_the_truth(seed: int) -> None:
    assert_equals_truth(students=5_000, releases=14, seed=seed)
