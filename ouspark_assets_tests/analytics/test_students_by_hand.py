"""Standings, SGPAs, CGPAs, backlogs and ranks of students equal hand-computed values."""

import polars as pl
import pytest

from ouspark_assets.analytics.options import Award, Options
from ouspark_assets_tests.analytics.universities import (
    ANN,
    AUG_22,
    FEB_22,
    FEB_22_RV,
    FEB_23,
    compute_aggregates,
    ticket,
    values,
)

BEN, CAT, DAN = ticket(2), ticket(3), ticket(4)
LEE = ticket(301)


def test_a_backlog_cleared_at_the_second_attempt_is_cleared_in_every_table() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 4, "F"),
            (FEB_22, ANN, "102", 3, "B"),
            (AUG_22, ANN, "101", 4, "C"),
        ],
        [(FEB_22, ANN, 1, "PROMOTED"), (AUG_22, ANN, 1, "COMPLETED", 7.43)],
    )
    standing = values(
        found["standings"],
        "grade points state attempts first_release cleared_release",
        subject_code="101",
    )
    assert standing == ("C", 7, "passed", 2, FEB_22, AUG_22)
    # (4 × 7 + 3 × 8) / 7 = 52 / 7 = 7.428… → 7.43
    assert values(found["semester_gpas"], "credits sgpa sgpa_printed state") == (
        7.0, 7.43, 7.43, "finished",
    )  # fmt: skip
    assert values(found["student_cgpas"], "cgpa open_subjects incomplete") == (7.43, 0, False)
    assert found["backlogs"].is_empty()


def test_a_subject_remains_a_backlog_until_it_is_cleared() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 4, "F"),
            (FEB_22, ANN, "102", 3, "B"),
            (AUG_22, ANN, "101", 4, "Ab"),
        ]
    )
    # No attempt passed, so the latest one counts: absent. Open since February, sat once.
    assert values(found["backlogs"], "semester credits since_release attempts state") == (
        1, 4.0, FEB_22, 1, "absent",
    )  # fmt: skip
    assert values(found["semester_gpas"], "sgpa state") == (None, "open")
    assert values(found["student_cgpas"], "cgpa credits_counted open_subjects") == (None, 0.0, 1)


def test_a_worse_grade_after_a_pass_does_not_replace_the_better_grade() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "B"), (AUG_22, ANN, "101", 4, "D")])
    assert values(found["standings"], "grade points attempts cleared_release") == (
        "B", 8, 2, FEB_22,
    )  # fmt: skip
    assert values(found["student_cgpas"], "cgpa credits_counted") == (8.0, 4.0)


def test_a_fail_after_a_pass_is_not_a_backlog() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "E"), (AUG_22, ANN, "101", 4, "F")])
    assert values(found["standings"], "grade state attempts") == ("E", "passed", 2)
    assert found["backlogs"].is_empty()


def test_a_revaluation_that_clears_a_fail_is_not_a_second_attempt() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 4, "F"),
            (FEB_22, ANN, "102", 3, "A"),
            (FEB_22_RV, ANN, "101", 4, "C"),
            (FEB_22_RV, ANN, "102", 3, "A"),
        ]
    )
    assert values(found["standings"], "grade attempts cleared_release", subject_code="101") == (
        "C", 1, FEB_22_RV,
    )  # fmt: skip
    # After: (4 × 7 + 3 × 9) / 7 = 55 / 7 = 7.857… → 7.86; before there was no SGPA.
    impact = (
        "revises grade_before grade_after points_change outcome sgpa_before sgpa_after cgpa_after"
    )
    assert values(found["revaluation_impact"], impact, subject_code="101") == (
        FEB_22, "F", "C", 7, "raised", None, 7.86, 7.86,
    )  # fmt: skip
    assert values(found["revaluation_impact"], impact, subject_code="102") == (
        FEB_22, "A", "A", 0, "unchanged", None, 7.86, 7.86,
    )  # fmt: skip


def test_a_revaluation_published_late_belongs_to_its_own_session() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 4, "D"),
            (AUG_22, ANN, "201", 4, "A"),
            (FEB_22_RV, ANN, "101", 4, "C"),
        ]
    )
    # The attempts of August come after the revaluation of February, so its CGPA covers only 101.
    assert values(found["revaluation_impact"], "cgpa_before cgpa_after") == (6.0, 7.0)
    assert values(found["student_cgpas"], "cgpa") == (8.0,)


@pytest.mark.parametrize("printed", ["", "WH", "RESULT LATER", "MP"])
def test_a_withheld_result_is_neither_passed_nor_failed(printed: str) -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, printed), (FEB_22, ANN, "102", 3, "S")])
    assert values(found["standings"], "grade points state", subject_code="101") == (
        printed, None, "pending",
    )  # fmt: skip
    assert found["backlogs"].is_empty()
    assert values(found["semester_gpas"], "sgpa state") == (None, "pending")
    assert values(found["student_cgpas"], "cgpa open_subjects pending_subjects") == (None, 0, 1)


def test_a_withheld_result_that_is_released_counts() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "WH"), (FEB_22_RV, ANN, "101", 4, "B")])
    assert values(found["standings"], "grade state attempts") == ("B", "passed", 1)
    assert values(found["revaluation_impact"], "grade_before points_change outcome") == (
        "WH", None, "decided",
    )  # fmt: skip
    assert values(found["student_cgpas"], "cgpa pending_subjects") == (8.0, 0)


def test_a_lateral_entrant_starts_in_the_third_semester() -> None:
    found = compute_aggregates(
        [(AUG_22, ANN, f"{semester}01", 4, "B") for semester in (1, 2, 3)]
        + [(AUG_22, LEE, "301", 4, "A")],
        [(AUG_22, each, 3, "PASSED", 8.0) for each in (ANN, LEE)],
    )
    # Semesters 1 and 2 are not missing for a lateral entrant.
    assert values(found["student_cgpas"], "cgpa incomplete", hall_ticket=LEE) == (9.0, False)
    assert values(found["student_credits"], "boundary", hall_ticket=LEE) == ("IV→V",)
    assert values(found["student_rankings"], "rank out_of", hall_ticket=LEE, scope="class") == (
        1,
        2,
    )


def test_lateral_entrants_with_a_later_year_in_their_tickets_make_nobody_incomplete() -> None:
    # In 2021, LEE joined a class two semesters ahead of the students admitted in 2021.
    found = compute_aggregates(
        [(FEB_22, ANN, "101", 4, "B"), (FEB_22, LEE, "301", 4, "A")],
        [(FEB_22, ANN, 1, "PASSED", 8.0), (FEB_22, LEE, 3, "PASSED", 9.0)],
    )
    assert found["student_cgpas"]["incomplete"].to_list() == [False, False]


def test_a_zero_credit_course_must_be_passed_but_does_not_change_the_sgpa() -> None:
    sat = [(FEB_22, ANN, "101", 4, "A"), (FEB_22, ANN, "109", 0, "F")]
    failed = compute_aggregates(sat)
    assert values(failed["semester_gpas"], "sgpa state") == (None, "open")
    passed = compute_aggregates([*sat, (AUG_22, ANN, "109", 0, "E")])
    assert values(passed["semester_gpas"], "credits sgpa state") == (4.0, 9.0, "finished")


def test_a_semester_of_zero_credits_is_finished_without_an_sgpa() -> None:
    found = compute_aggregates([(FEB_22, ANN, "109", 0, "E")])
    assert values(found["semester_gpas"], "credits sgpa state") == (0.0, None, "finished")
    assert values(found["student_cgpas"], "cgpa semesters_finished") == (None, 1)


def test_a_subject_with_two_spellings_of_its_name_is_one_subject() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 4, "F", "MATHEMA. - I"),
            (AUG_22, ANN, "101", 4, "D", "MATHEMATICS-I"),
        ]
    )
    assert values(found["standings"], "grade attempts") == ("D", 2)
    assert values(found["student_credits"], "attempted earned") == (4.0, 4.0)


def test_a_detained_student_continues_with_a_later_batch_under_the_old_ticket() -> None:
    # BEN fails semester 2, is detained, and clears it a year later with the old hall ticket.
    found = compute_aggregates(
        [
            (FEB_22, BEN, "101", 4, "D"),
            (AUG_22, BEN, "201", 4, "F"),
            (FEB_23, BEN, "201", 4, "E"),
        ],
        [
            (FEB_22, BEN, 1, "PASSED", 6.0),
            (AUG_22, BEN, 2, "DETAINED"),
            (FEB_23, BEN, 2, "COMPLETED", 5.0),
        ],
    )
    # (4 × 6 + 4 × 5) / 8 = 5.5
    assert values(found["student_cgpas"], "cgpa semesters_finished incomplete") == (5.5, 2, False)
    assert values(found["standings"], "attempts cleared_release", subject_code="201") == (2, FEB_23)


def test_a_detained_student_without_a_known_backlog_is_incomplete() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "D")], [(FEB_22, ANN, 1, "DETAINED")])
    assert values(found["student_cgpas"], "cgpa incomplete incomplete_because") == (
        6.0, True, "semester 1 is printed as DETAINED but no open subject of it is known",
    )  # fmt: skip


def test_a_semester_without_any_record_makes_the_student_incomplete() -> None:
    found = compute_aggregates(
        [(FEB_22, ANN, "101", 4, "A"), (AUG_22, ANN, "201", 4, "A"), (AUG_22, BEN, "201", 4, "S")],
        [(AUG_22, each, 2, "PASSED", 9.0) for each in (ANN, BEN)],
    )
    assert values(found["student_cgpas"], "cgpa incomplete_because", hall_ticket=BEN) == (
        10.0, "nothing is known of semester 1",
    )  # fmt: skip
    # The incomplete student is not ranked above the complete one despite the better CGPA.
    ranks = found["student_rankings"]
    assert values(ranks, "rank out_of percentile", hall_ticket=ANN, scope="class") == (1, 1, 100.0)
    assert values(ranks, "value rank out_of unranked_because", hall_ticket=BEN, scope="class") == (
        10.0, None, 1, "incomplete: nothing is known of semester 1",
    )  # fmt: skip


def test_a_record_in_quarantine_makes_the_student_incomplete_but_keeps_the_row() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "A")], in_quarantine=[ANN, CAT])
    assert (
        found["student_cgpas"]["incomplete_because"].to_list() == ["a record is in quarantine"] * 2
    )
    assert values(found["student_cgpas"], "cgpa passed_subjects", hall_ticket=CAT) == (None, 0)


@pytest.mark.parametrize("status", ["resolved", "discarded"])
def test_a_record_that_is_no_longer_open_does_not_make_the_student_incomplete(status: str) -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "A")], in_quarantine=[ANN])
    found["quarantine"] = found["quarantine"].with_columns(status=pl.lit(status))
    assert values(found["student_cgpas"], "incomplete incomplete_because") == (False, None)


def test_equal_cgpas_have_the_same_rank_and_no_rank_is_skipped() -> None:
    grades = {ANN: "A", BEN: "S", CAT: "A", DAN: "B"}
    found = compute_aggregates([(FEB_22, who, "101", 4, grade) for who, grade in grades.items()])
    ranks = found["student_rankings"].filter(scope="university").sort("hall_ticket")
    assert ranks["rank"].to_list() == [2, 1, 2, 3]
    # Students with a lower or equal CGPA: ANN 3 of 4, BEN 4 of 4, CAT 3 of 4, DAN 1 of 4.
    assert ranks["percentile"].to_list() == [75.0, 100.0, 75.0, 25.0]
    assert ranks["out_of"].to_list() == [4, 4, 4, 4]


def test_a_student_with_only_pending_subjects_has_a_row_without_numbers() -> None:
    found = compute_aggregates([(FEB_22, ANN, "101", 4, "WH"), (FEB_22, ANN, "102", 3, "")])
    assert values(found["student_cgpas"], "cgpa passed_subjects pending_subjects") == (None, 0, 2)
    assert values(found["student_rankings"], "rank out_of unranked_because", scope="class") == (
        None, 0, "no semester is finished; 2 pending subjects",
    )  # fmt: skip
    # No subject is decided, so there is no percentage and nobody is all clear.
    assert values(found["college_stats"], "students decided all_clear pass_percent mean_cgpa") == (
        1, 0, 0, None, None,
    )  # fmt: skip


def test_ranks_are_computed_within_the_admission_year_and_the_scope() -> None:
    elsewhere = ticket(1, college="1603")
    other_branch = ticket(1, branch="735")
    older = ticket(1, year=20)
    grades = {ANN: "B", elsewhere: "A", other_branch: "S", older: "C"}
    found = compute_aggregates([(FEB_22, who, "101", 4, grade) for who, grade in grades.items()])
    ranks = found["student_rankings"].filter(hall_ticket=ANN).sort("scope")
    assert ranks.select("scope", "rank", "out_of").rows() == [
        ("branch", 2, 2), ("class", 1, 1), ("college", 2, 2), ("university", 3, 3),
    ]  # fmt: skip


def test_the_semester_of_a_code_without_one_comes_from_the_reference_table() -> None:
    sat = [(FEB_22, ANN, "OE9", 3, "A"), (FEB_22, ANN, "XX1", 3, "S")]
    found = compute_aggregates(sat, subjects=[("OE9", "theory", 5)])
    assert found["standings"].sort("subject_code")["semester"].to_list() == [5, None]
    # A subject without a known semester is kept and shown but is in no semester total.
    assert values(found["student_cgpas"], "cgpa credits_counted passed_subjects") == (9.0, 3.0, 2)


def test_a_release_that_is_not_in_the_index_is_never_the_latest() -> None:
    found = compute_aggregates([("unknown", ANN, "101", 4, "F"), (FEB_22, ANN, "101", 4, "Ab")])
    assert values(found["standings"], "state first_release") == ("absent", "unknown")


def eight_semesters(grade: str) -> list[tuple[object, ...]]:
    return [(FEB_22, ANN, f"{semester}01", 4, grade) for semester in range(1, 9)]


def test_awards_and_percentages_are_null_by_default() -> None:
    found = compute_aggregates(eight_semesters("B"))
    assert values(found["student_cgpas"], "percentage award") == (None, None)


def test_a_completed_course_gets_the_award_of_the_highest_limit_reached() -> None:
    options = Options(
        awards=(Award("Second", 5.5), Award("Distinction", 8), Award("First", 6.5)),
        percentage_factor=10,
        percentage_offset=0.5,
    )
    found = compute_aggregates(eight_semesters("B"), options=options)
    # (8.00 - 0.5) × 10 = 75
    assert values(found["student_cgpas"], "cgpa percentage award") == (8.0, 75.0, "Distinction")
    before_the_end = compute_aggregates(eight_semesters("B")[:-1], options=options)
    assert values(before_the_end["student_cgpas"], "percentage award") == (75.0, None)
    below_all = compute_aggregates(eight_semesters("E"), options=options)
    assert values(below_all["student_cgpas"], "percentage award") == (45.0, None)


def test_a_backlog_of_unknown_semester_prevents_an_award_and_a_rank() -> None:
    options = Options(awards=(Award("Pass", 4),))
    sat = [*eight_semesters("B"), (FEB_23, ANN, "ELECTIVE-9", 3, "F")]
    found = compute_aggregates(sat, options=options)
    assert values(found["student_cgpas"], "cgpa open_subjects award") == (8.0, 1, None)
    assert values(found["student_rankings"], "rank unranked_because", scope="class") == (
        None,
        "1 open subject",
    )


def test_a_student_with_a_cgpa_and_undecided_subjects_is_not_ranked() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "101", 4, "A"),
            (AUG_22, ANN, "201", 4, "F"),
            (AUG_22, ANN, "202", 4, "Ab"),
            (AUG_22, ANN, "203", 4, "WH"),
            (FEB_22, BEN, "101", 4, "B"),
        ]
    )
    ranked = found["student_rankings"].filter(scope="class").sort("hall_ticket")
    assert ranked.select("hall_ticket", "value", "rank", "out_of", "unranked_because").rows() == [
        (ANN, 9.0, None, 1, "2 open subjects; 1 pending subject"),
        (BEN, 8.0, 1, 1, None),
    ]


def test_without_marks_all_tables_are_empty() -> None:
    found = compute_aggregates([])
    for name in ("standings", "semester_gpas", "student_cgpas", "student_rankings", "backlogs"):
        assert found[name].is_empty()


def test_standings_do_not_depend_on_the_order_of_the_marks() -> None:
    sat = [
        (FEB_22, ANN, "101", 4, "D"),
        (FEB_22_RV, ANN, "101", 4, "C"),
        (AUG_22, ANN, "101", 4, "C"),
        (FEB_23, ANN, "101", 4, "F"),
    ]
    # The latest of the two C counts, because their points are equal.
    expected = compute_aggregates(sat)["standings"]
    assert compute_aggregates(sat[::-1])["standings"].equals(expected)
    assert expected.select(pl.col("grade", "attempts", "cleared_release")).row(0) == (
        "C",
        3,
        FEB_22,
    )
