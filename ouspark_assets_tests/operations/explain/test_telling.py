"""Stories worked out by hand: which attempt counts and why, and the sums behind every number."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from ouspark_assets.operations.explain.records import StudentRecords
from ouspark_assets.operations.explain.story import Story, Subject
from ouspark_assets.operations.explain.telling import tell
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES
from ouspark_assets_tests.analytics.stories import (
    ANN,
    AUG_22,
    FEB_22,
    FEB_22_RV,
    FEB_23,
    told,
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
    found = told(sat, printed, **more)
    of_ann = {name: found[name].filter(pl.col("hall_ticket") == ANN) for name in PARTS}
    clean = ("students", "marks", "results", "quarantine")
    return StudentRecords(
        **of_ann,
        **{name: found[name].filter(pl.col("hall_ticket") == ANN) for name in clean},
        release_index=found["release_index"],
        subjects=found["subjects"],
        colleges=COLLEGES.conform(COLLEGE),
        branches=BRANCHES.empty(),
    )


def story(sat: Sequence[Any], printed: Sequence[Any] = (), **more: Any) -> Story:
    return tell(records(sat, printed, **more))


def only_subject(sat: Sequence[Any]) -> Subject:
    (subject,) = story(sat).subjects
    return subject


def test_attempts_stand_in_release_order_and_the_one_that_counts_is_marked() -> None:
    subject = only_subject(
        [
            (AUG_22, ANN, "101", 4, "C"),
            (FEB_22, ANN, "101", 4, "F"),
            (FEB_22_RV, ANN, "101", 4, "E"),
        ]
    )
    assert [(it.release, it.kind, it.grade, it.points, it.counts) for it in subject.attempts] == [
        (FEB_22, "main", "F", 0, False),
        (FEB_22_RV, "revaluation", "E", 5, False),
        (AUG_22, "main", "C", 7, True),
    ]
    assert [it.session for it in subject.attempts] == ["Feb 2022", "Feb 2022", "Aug 2022"]
    assert (subject.grade, subject.state, subject.sittings) == ("C", "passed", 2)
    assert subject.rule == "best of 2 passes"


def test_of_equal_passes_the_latest_counts_and_is_said_to() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "C"), (AUG_22, ANN, "101", 4, "C")])
    assert [it.counts for it in subject.attempts] == [False, True]
    assert subject.rule == "best pass, latest of 2"


def test_an_only_pass_is_called_that_even_when_a_failure_came_later() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "C"), (AUG_22, ANN, "101", 4, "F")])
    assert [it.counts for it in subject.attempts] == [True, False]
    assert (subject.state, subject.rule) == ("passed", "the only pass")


def test_when_nothing_passed_the_latest_attempt_counts() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "F"), (AUG_22, ANN, "101", 4, "Ab")])
    assert [it.counts for it in subject.attempts] == [False, True]
    assert (subject.grade, subject.rule) == ("Ab", "latest, nothing passed")


def test_a_grade_that_is_not_decided_is_told_as_such() -> None:
    subject = only_subject([(FEB_22, ANN, "101", 4, "RL")])
    assert (subject.state, subject.rule) == ("pending", "latest, not decided yet")


def test_a_standing_that_its_attempts_do_not_give_is_noticed() -> None:
    found = records([(FEB_22, ANN, "101", 4, "C")])
    tampered = found.standings.with_columns(pl.lit("S").alias("grade"))
    (subject,) = tell(StudentRecords(**{**vars(found), "standings": tampered})).subjects
    assert (subject.grade, subject.derived_grade) == ("S", "C")


def test_the_sums_behind_sgpa_and_cgpa_are_told_with_the_printed_value() -> None:
    found = story(
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
    assert (third.state, third.sgpa, third.because) == ("open", None, "301 open")
    assert found.cgpa is not None
    assert found.cgpa.sum is not None
    # 52 + 13.5 = 65.5 over 8.5 = 7.705… → 7.71, over semesters 1 and 2.
    assert (found.cgpa.sum.weighted, found.cgpa.sum.credits) == (65.5, 8.5)
    assert (found.cgpa.value, found.cgpa.sum.value, found.cgpa.semesters) == (7.71, 7.71, (1, 2))


def test_what_is_missing_of_a_record_is_told_reason_by_reason() -> None:
    found = story(
        [(FEB_22, ANN, "101", 4, "C")],
        [(FEB_22, ANN, 1, "PROMOTED")],
        in_quarantine=[ANN],
    )
    assert found.cgpa is not None
    assert found.cgpa.missing == (
        "a record is in quarantine",
        "semester 1 is printed as PROMOTED but no open subject of it is known",
    )
    assert [it.unranked_because is None for it in found.ranks] == [False] * 4


def test_ranks_come_from_the_class_to_the_university() -> None:
    found = story([(FEB_22, ANN, "101", 4, "C")])
    assert [it.scope for it in found.ranks] == ["class", "college", "branch", "university"]
    assert {(it.rank, it.out_of) for it in found.ranks} == {(1, 1)}


def test_the_year_boundary_says_what_it_asks_for_and_how_far_away_that_is() -> None:
    found = story(
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
        "asks for at least 6 credits earned; 4 are: 2 still to be earned"
    )


def test_backlogs_and_revaluation_are_part_of_the_story() -> None:
    found = story(
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
        (it.code, it.grade_before, it.grade_after, it.outcome) for it in found.revaluations
    ] == [
        ("101", "F", "F", "unchanged"),
        ("102", "F", "D", "raised"),
    ]


def test_details_carry_names_where_they_are_known_and_no_fathers_name() -> None:
    details = story([(FEB_22, ANN, "101", 4, "C")]).details
    assert (details.college, details.branch) == ("1604 A College", "733")
    assert not hasattr(details, "father_name")
