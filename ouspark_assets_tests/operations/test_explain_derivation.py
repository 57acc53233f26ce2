"""Explanations checked by hand: which attempt counts and why, and the sums behind the numbers."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ouspark_assets.operations.explain.derivation import explain_student
from ouspark_assets.operations.explain.model import Explanation, StudentRecords, Subject
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES
from ouspark_assets_tests.analytics.universities import (
    ANN,
    AUG_22,
    FEB_22,
    FEB_22_RV,
    FEB_23,
    compute_aggregates,
)

COLLEGE = pl.DataFrame(
    {
        "college_code": ["1604"],
        "name": ["A College"],
        "short_name": [None],
        "autonomous": [None],
        "inferred": [True],
    }
)
PARTS = ("standings", "semester_gpas", "student_cgpas", "student_credits", "student_rankings",
         "backlogs", "revaluation_impact")  # fmt: skip


def records(sat: Sequence[Any], printed: Sequence[Any] = (), **more: Any) -> StudentRecords:
    found = compute_aggregates(sat, printed, **more)
    ann = {name: found[name].filter(pl.col("hall_ticket") == ANN) for name in PARTS}
    clean = ("students", "marks", "results", "quarantine")
    return StudentRecords(
        **ann,
        **{name: found[name].filter(pl.col("hall_ticket") == ANN) for name in clean},
        release_index=found["release_index"],
        subjects=found["subjects"],
        colleges=COLLEGES.conform(COLLEGE),
        branches=BRANCHES.empty(),
    )


def explanation(sat: Sequence[Any], printed: Sequence[Any] = (), **more: Any) -> Explanation:
    return explain_student(records(sat, printed, **more))


def only_subject(sat: Sequence[Any]) -> Subject:
    (subject,) = explanation(sat).subjects
    return subject


def test_attempts_are_in_release_order_and_the_counting_one_is_marked() -> None:
    subject = only_subject(
        [
            (AUG_22, ANN, "101", 4, "C"),
            (FEB_22, ANN, "101", 4, "F"),
            (FEB_22_RV, ANN, "101", 4, "E"),
        ]
    )
    assert [
        (attempt.release, attempt.kind, attempt.grade, attempt.points, attempt.counts)
        for attempt in subject.attempts
    ] == [
        (FEB_22, "main", "F", 0, False),
        (FEB_22_RV, "revaluation", "E", 5, False),
        (AUG_22, "main", "C", 7, True),
    ]
    assert [attempt.session for attempt in subject.attempts] == ["Feb 2022", "Feb 2022", "Aug 2022"]
    assert (subject.grade, subject.state, subject.sittings) == ("C", "passed", 2)
    assert subject.rule == "best of 2 passes"


def test_attempts_under_an_older_code_are_listed_with_the_code_that_was_printed() -> None:
    found = explanation(
        [
            (FEB_22, ANN, "451", 3, "F", "COMPUTER ORGANISATION"),
            (AUG_22, ANN, "PC451CS", 3, "C", "COMPUTER ORGANISATION"),
        ],
        newer_codes={"451": "PC451CS"},
    )
    (subject,) = found.subjects
    assert (subject.code, subject.older_codes, subject.semester) == ("PC451CS", ("451",), 4)
    assert subject.name == "COMPUTER ORGANISATION"
    assert [(attempt.code, attempt.grade, attempt.counts) for attempt in subject.attempts] == [
        ("451", "F", False),
        ("PC451CS", "C", True),
    ]
    assert (subject.grade, subject.sittings, subject.rule) == ("C", 2, "only pass")
    assert subject.derived_grade is None
    (semester,) = found.semesters
    assert semester.because == "all 1 subjects passed"


def test_a_subject_sat_under_its_older_code_only_is_explained_under_the_newest() -> None:
    found = explanation(
        [(FEB_22, ANN, "451", 3, "F", "COMPUTER ORGANISATION")], newer_codes={"451": "PC451CS"}
    )
    (subject,), (backlog,) = found.subjects, found.backlogs
    assert (subject.code, subject.older_codes) == ("PC451CS", ("451",))
    assert (subject.name, backlog.name) == ("COMPUTER ORGANISATION",) * 2
    assert (backlog.code, backlog.since_release) == ("PC451CS", FEB_22)


def test_the_latest_of_equal_passes_counts() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "C"), (AUG_22, ANN, "101", 4, "C")])
    assert [attempt.counts for attempt in subject.attempts] == [False, True]
    assert subject.rule == "latest of 2 equal passes"


def test_the_only_pass_counts_even_if_a_failure_came_later() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "C"), (AUG_22, ANN, "101", 4, "F")])
    assert [attempt.counts for attempt in subject.attempts] == [True, False]
    assert (subject.state, subject.rule) == ("passed", "only pass")


def test_without_a_pass_the_latest_attempt_counts() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "F"), (AUG_22, ANN, "101", 4, "Ab")])
    assert [attempt.counts for attempt in subject.attempts] == [False, True]
    assert (subject.grade, subject.rule) == ("Ab", "latest attempt, none passed")


def test_an_undecided_grade_is_pending() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "RL")])
    assert (subject.state, subject.rule) == ("pending", "latest attempt, pending")


def test_a_stored_standing_that_differs_from_the_derived_one_is_noticed() -> None:
    found = records([(FEB_22, ANN, "101", 4, "C")])
    tampered = found.standings.with_columns(pl.lit("S").alias("grade"))
    (subject,) = explain_student(StudentRecords(**{**vars(found), "standings": tampered})).subjects
    assert (subject.grade, subject.derived_grade) == ("S", "C")


def test_sgpa_and_cgpa_have_their_sums_and_the_printed_value() -> None:
    found = explanation(
        [
            (FEB_22, ANN, "101", 4, "C"),
            (FEB_22, ANN, "102", 3, "B"),
            (AUG_22, ANN, "201", 1.5, "A"),
            (FEB_23, ANN, "301", 3, "F"),
        ],
        [(FEB_22, ANN, 1, "PASSED", 7.5), (FEB_23, ANN, 3, "PROMOTED")],
    )
    first, second, third = found.semesters
    # 4 × 7 + 3 × 8 = 52 over 7 credits = 7.428… → 7.43; the page says 7.5.
    assert (first.sum.weighted, first.sum.credits, first.sgpa) == (52.0, 7.0, 7.43)
    assert first.sum.value == first.sgpa
    assert (first.sgpa_printed, first.difference, first.status_printed) == (7.5, -0.07, "PASSED")
    assert first.because == "all 2 subjects passed"
    # 1.5 × 9 = 13.5 over 1.5; nothing is printed of semester 2.
    assert (second.sum.weighted, second.sum.credits, second.difference) == (13.5, 1.5, None)
    assert (third.state, third.sgpa, third.because) == ("open", None, "open: 301")
    assert found.cgpa is not None
    assert found.cgpa.sum is not None
    # 52 + 13.5 = 65.5 over 8.5 = 7.705… → 7.71, over semesters 1 and 2.
    assert (found.cgpa.sum.weighted, found.cgpa.sum.credits) == (65.5, 8.5)
    assert (found.cgpa.value, found.cgpa.sum.value, found.cgpa.semesters) == (7.71, 7.71, (1, 2))


def test_every_reason_for_an_incomplete_record_is_listed() -> None:
    found = explanation(
        [(FEB_22, ANN, "101", 4, "C")],
        [(FEB_22, ANN, 1, "PROMOTED")],
        in_quarantine=[ANN],
    )
    assert found.cgpa is not None
    assert found.cgpa.missing == (
        "a record is in quarantine",
        "semester 1 is printed as PROMOTED but no open subject of it is known",
    )
    assert [rank.unranked_because is None for rank in found.ranks] == [False] * 4


def test_ranks_are_ordered_from_class_to_university() -> None:
    found = explanation([(FEB_22, ANN, "101", 4, "C")])
    assert [rank.scope for rank in found.ranks] == ["class", "college", "branch", "university"]
    assert {(rank.rank, rank.out_of) for rank in found.ranks} == {(1, 1)}


def test_the_year_boundary_has_its_requirement_and_the_shortfall() -> None:
    found = explanation(
        [
            (FEB_22, ANN, "101", 4, "C"),
            (FEB_22, ANN, "102", 3, "F"),
            (AUG_22, ANN, "201", 5, "F"),
        ]
    )
    assert found.credits is not None
    assert (found.credits.boundary, found.credits.met) == ("II→III", False)
    # Half of 12 credits; 4 are earned.
    assert found.credits.boundary_rule == (
        "requires at least 6 earned credits; 4 are earned: 2 more needed"
    )


def test_backlogs_and_revaluations_are_included() -> None:
    found = explanation(
        [
            (FEB_22, ANN, "101", 4, "F", "MATHS"),
            (FEB_22_RV, ANN, "101", 4, "F", "MATHS"),
            (FEB_22, ANN, "102", 4, "F", "PHYSICS"),
            (FEB_22_RV, ANN, "102", 4, "D", "PHYSICS"),
        ]
    )
    (backlog,) = found.backlogs
    assert (backlog.code, backlog.name, backlog.since_release) == ("101", "MATHS", FEB_22)
    assert [
        (change.code, change.grade_before, change.grade_after, change.outcome)
        for change in found.revaluations
    ] == [
        ("101", "F", "F", "unchanged"),
        ("102", "F", "D", "raised"),
    ]


def test_details_have_known_names_and_no_fathers_name() -> None:
    details = explanation([(FEB_22, ANN, "101", 4, "C")]).details
    assert (details.college, details.branch) == ("1604 A College", "733")
    assert not hasattr(details, "father_name")
