"""Standings, SGPAs and CGPAs against what the bundled results site knows of its own students."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ouspark_assets.analytics.reconciliation import sgpas_that_differ_from_print
from ouspark_assets.schemas.analytics import SEMESTER_GPAS, STANDINGS, STUDENT_CGPAS
from ouspark_assets_tests.analytics.aggregating import aggregated
from ouspark_assets_tests.analytics.universities import clean_tables_of, true_tables


def assert_true(students: int, releases: int, seed: int) -> None:
    truth = true_tables(students, releases, seed)
    computed = aggregated(clean_tables_of(truth))
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
def test_every_standing_sgpa_and_cgpa_is_the_truth(seed: int) -> None:
    assert_true(students=400, releases=14, seed=seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_standing_sgpa_and_cgpa_of_five_thousand_students_is_the_truth(seed: int) -> None:
    assert_true(students=5_000, releases=14, seed=seed)
