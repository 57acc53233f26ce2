"""Likely equivalent codes: which pairs are proposed, with which evidence, and which are not."""

import polars as pl
import pytest

from ouspark_assets.analytics.code_proposals import propose_equivalent_codes
from ouspark_assets_tests.analytics.universities import (
    ANN,
    AUG_22,
    FEB_22,
    FEB_22_RV,
    FEB_23,
    Mark,
    clean_tables_from_truth,
    compute_aggregates,
    generate_truth,
    ticket,
)

BEN, CAT, DAN = ticket(2), ticket(3), ticket(4, year=22)
TITLE = "COMPUTER ORGANISATION"
ANN_FAILED_THE_OLD_CODE = (FEB_22, ANN, "451", 3, "F", TITLE)


def propose(*sat: Mark, newer_codes: dict[str, str] | None = None) -> pl.DataFrame:
    found = compute_aggregates(sat, newer_codes=newer_codes or {})
    return propose_equivalent_codes(found["marks"], found["release_index"], found["subjects"])


def pairs(*sat: Mark, newer_codes: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return propose(*sat, newer_codes=newer_codes).select("old_code", "new_code").rows()


def test_a_failed_student_who_sits_the_same_title_under_another_code_is_evidence() -> None:
    (row,) = propose(
        ANN_FAILED_THE_OLD_CODE,
        (FEB_22, BEN, "451", 3, "A", TITLE),
        (AUG_22, ANN, "PC451CS", 3, "C", TITLE),
        (AUG_22, CAT, "PC451CS", 3, "B", TITLE),
        (FEB_23, DAN, "PC451CS", 3, "B", TITLE),
    ).rows(named=True)
    assert row == {
        "old_code": "451", "new_code": "PC451CS", "subject_name": TITLE, "semester": 4,
        "old_students": 2, "new_students": 3, "moved": 1, "began_late": 0,
        "last_old_release": FEB_22, "first_new_release": AUG_22,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("PROJECT WORK-I", "PROJECT WORK - I"),
        ("DATABASE SYSTEMS", "DATA BASE SYSTEMS"),
        ("FINANCE & ACCOUNTING", "Finance and Accounting"),
    ],
)
def test_spellings_of_a_title_are_the_same_title(first: str, second: str) -> None:
    sat = [(FEB_22, ANN, "451", 3, "F", first), (AUG_22, ANN, "461", 3, "C", second)]
    assert pairs(*sat) == [("451", "461")]


def test_another_title_is_not_proposed() -> None:
    assert pairs(ANN_FAILED_THE_OLD_CODE, (AUG_22, ANN, "461", 3, "C", "OPERATING SYSTEMS")) == []


def test_another_semester_is_not_proposed() -> None:
    assert pairs(ANN_FAILED_THE_OLD_CODE, (AUG_22, ANN, "551", 3, "C", TITLE)) == []


def test_codes_that_one_student_sat_in_one_session_are_not_proposed() -> None:
    moved = [ANN_FAILED_THE_OLD_CODE, (AUG_22, ANN, "461", 3, "C", TITLE)]
    assert pairs(*moved) == [("451", "461")]
    both = [(AUG_22, BEN, "451", 3, "F", TITLE), (AUG_22, BEN, "461", 3, "C", TITLE)]
    assert pairs(*moved, *both) == []
    # The revaluation of a session belongs to it.
    revalued = [(FEB_22, BEN, "451", 3, "F", TITLE), (FEB_22_RV, BEN, "461", 3, "C", TITLE)]
    assert pairs(*moved, *revalued) == []


def test_codes_that_students_of_two_branches_sit_side_by_side_are_not_proposed() -> None:
    sat = [
        (release, ticket(serial, branch=branch), code, 3, "C", "MINI PROJECT")
        for branch, code in (("733", "611"), ("735", "628"))
        for serial, release in enumerate((FEB_22, AUG_22, FEB_23))
    ]
    assert pairs(*sat) == []
    # Nor if one of the branches opened later.
    assert pairs(*sat[:4], *sat[5:]) == []
    assert pairs(*sat[:3], *sat[4:]) == []


def test_of_codes_that_appear_together_the_one_of_earlier_students_is_the_older() -> None:
    sat = [(AUG_22, ANN, "461", 3, "F", TITLE), (AUG_22, DAN, "451", 3, "C", TITLE)]
    assert pairs(*sat) == [("461", "451")]


def test_codes_that_count_as_one_already_are_not_proposed_again() -> None:
    sat = [ANN_FAILED_THE_OLD_CODE, (AUG_22, ANN, "461", 3, "F", TITLE)]
    later = (FEB_23, ANN, "471", 3, "C", TITLE)
    assert pairs(*sat, newer_codes={"451": "461"}) == []
    assert pairs(*sat, later, newer_codes={"451": "461"}) == [("461", "471")]
    # Each old code is proposed with one newer code, so that the lines can be added as they are.
    assert sorted(pairs(*sat, later)) == [("451", "461"), ("461", "471")]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_changed_codes_of_the_standin_are_proposed_and_no_others(seed: int) -> None:
    truth = generate_truth(students=400, releases=14, seed=seed, changed_codes=True)
    clean = clean_tables_from_truth(truth)
    subjects = clean["subjects"].with_columns(pl.lit(None, pl.String).alias("counts_as"))
    found = propose_equivalent_codes(clean["marks"], clean["release_index"], subjects)
    expected = truth["equivalent_codes"].select("old_code", "new_code")
    assert expected.height == 3
    assert sorted(found.select("old_code", "new_code").rows()) == sorted(expected.rows())


def test_nothing_is_proposed_where_no_code_changed() -> None:
    clean = clean_tables_from_truth(generate_truth(students=400, releases=14, seed=1))
    assert propose_equivalent_codes(
        clean["marks"], clean["release_index"], clean["subjects"]
    ).is_empty()
    assert propose().is_empty()
