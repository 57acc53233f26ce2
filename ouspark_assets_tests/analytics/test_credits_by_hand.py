"""Credits and year boundaries of students equal hand-computed values."""

from ouspark_assets_tests.analytics.universities import (
    ANN,
    AUG_22,
    FEB_22,
    FEB_23,
    compute_aggregates,
    ticket,
    values,
)

BEN, LEE = ticket(2), ticket(301)


def test_theory_and_laboratory_credits_are_separate() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 4, "A"), (FEB_22, ANN, "111", 1.5, "S"),
            (FEB_22, ANN, "102", 3, "F"), (FEB_22, ANN, "103", 2, "WH"),
            (FEB_22, ANN, "104", 1, "E"),
        ],
        subjects=[("101", "theory", 1), ("111", "laboratory", 1), ("102", "theory", 1)],
    )  # fmt: skip
    columns = "attempted earned open pending earned_theory earned_laboratory"
    assert values(found["student_credits"], columns) == (11.5, 6.5, 3.0, 2.0, 4.0, 1.5)


BOUNDARY = "boundary requirement required counted meets_required short_by provisional"


def test_the_second_year_requires_half_the_credits_of_the_first() -> None:
    sat = [
        (FEB_22, ANN, "101", 10, "A"),
        (AUG_22, ANN, "201", 9, "F"),
        (AUG_22, ANN, "202", 2, "F"),
    ]
    # Half of 21 credits is 10.5; 10 are earned.
    assert values(compute_aggregates(sat)["student_credits"], BOUNDARY) == (
        "II→III", "earned at least", 10.5, 10.0, False, 0.5, False,
    )  # fmt: skip
    cleared = compute_aggregates([*sat, (FEB_23, ANN, "202", 2, "E")])
    assert values(cleared["student_credits"], BOUNDARY) == (
        "II→III", "earned at least", 10.5, 12.0, True, 0.0, False,
    )  # fmt: skip


def test_the_third_year_limits_the_backlogs_of_all_semesters_so_far() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 5, "F"), (FEB_22, ANN, "301", 8, "F"),
            (FEB_22, ANN, "302", 6, "C"), (FEB_22, ANN, "401", 7, "B"),
        ]
    )  # fmt: skip
    # III and IV: 21 credits, half of them 10.5; backlogs of I to IV: 5 + 8 = 13.
    assert values(found["student_credits"], BOUNDARY) == (
        "IV→V", "backlog at most", 10.5, 13.0, False, 2.5, False,
    )  # fmt: skip


def test_the_fourth_year_rounds_its_limit_up_to_a_whole_credit() -> None:
    found = compute_aggregates([(FEB_22, ANN, "501", 10, "F"), (FEB_22, ANN, "601", 9, "A")])
    # V and VI: 19 credits, half of them 9.5, rounded up 10.
    assert values(found["student_credits"], BOUNDARY) == (
        "VI→VII", "backlog at most", 10.0, 10.0, True, 0.0, False,
    )  # fmt: skip


def test_a_boundary_is_provisional_until_the_preceding_semester_is_sat() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 10, "F"), (FEB_22, ANN, "102", 9, "A")])
    assert values(found["student_credits"], "required short_by provisional") == (9.5, 0.5, True)


def test_there_is_no_boundary_in_the_last_year_or_without_a_semester() -> None:
    found = compute_aggregates([(FEB_22, ANN, "701", 10, "F"), (FEB_22, BEN, "XX1", 9, "A")])
    nothing = (None, None, None, None, None, None, None)
    assert values(found["student_credits"], BOUNDARY, hall_ticket=ANN) == nothing
    assert values(found["student_credits"], BOUNDARY, hall_ticket=BEN) == nothing


def test_the_first_boundary_of_a_lateral_entrant_is_the_third_year() -> None:
    # A bridge course of semester 2 does not make the first boundary apply.
    found = compute_aggregates([(FEB_22, LEE, "201", 2, "A"), (FEB_22, LEE, "202", 3, "F")])
    # No credits of semesters III and IV are known yet, so the limit is not known either.
    assert values(found["student_credits"], BOUNDARY) == (
        "IV→V", "backlog at most", None, None, None, None, True,
    )  # fmt: skip


def test_a_pending_subject_is_neither_earned_nor_a_backlog_at_a_boundary() -> None:
    found = compute_aggregates([(FEB_22, ANN, "301", 4, "WH"), (FEB_22, ANN, "401", 4, "F")])
    assert values(found["student_credits"], "required counted meets_required") == (4.0, 4.0, True)
