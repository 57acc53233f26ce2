"""Attempts: marks in release order, and which of them are sittings of an examination."""

import polars as pl

from ouspark_assets.analytics.attempts import compute_attempts
from ouspark_assets_tests.support.factories import marks, releases

MAIN, REVALUATION, LATER = "20250102", "20250101", "20250201"
INDEX = releases(
    {"release": MAIN, "session_year": 2025, "session_month": 2},
    # A title may name no session.
    {
        "release": REVALUATION,
        "session_year": None,
        "session_month": None,
        "exam_kind": "revaluation",
        "revises": MAIN,
    },
    {"release": LATER, "session_year": None, "session_month": None},
)


def sittings(*rows: dict[str, str]) -> list[int | None]:
    found = compute_attempts(marks(*rows), INDEX)
    assert found.height == len(rows)
    return found["sitting"].to_list()


def test_a_revaluation_is_not_a_sitting_even_if_its_session_is_unknown() -> None:
    main, revalued = sittings({"release": MAIN}, {"release": REVALUATION, "grade": "S"})
    assert main is not None
    assert revalued is None


def test_an_absence_is_not_a_sitting() -> None:
    assert sittings({"release": MAIN, "grade": "Ab"}) == [None]


def test_sittings_of_releases_without_a_session_differ_from_all_others() -> None:
    one, other = sittings({"release": MAIN}, {"release": LATER})
    assert one is not None
    assert other is not None
    assert one != other


def test_a_semester_that_the_page_does_not_show_comes_from_the_known_subjects() -> None:
    rows = marks({"subject_code": "X9", "semester": None}, {"subject_code": "101", "semester": 1})
    known = pl.DataFrame(
        {"subject_code": ["X9", "101"], "semester": [6, 2], "counts_as": [None, None]}
    )
    found = compute_attempts(rows, INDEX, known).sort("subject_code")
    assert found.select("subject_code", "semester").rows() == [("101", 1), ("X9", 6)]
