"""A subject whose code changed counts once: standings, GPAs, credits, backlogs, revaluation."""

from collections import defaultdict
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ouspark_assets.analytics.reconciliation import every_subject_sat_has_one_standing
from ouspark_assets_tests.analytics.universities import (
    ANN,
    AUG_22,
    FEB_22,
    FEB_22_RV,
    FEB_23,
    Mark,
    compute_aggregates,
    ticket,
    values,
)

BEN = ticket(2)
CHANGED = {"451": "PC451CS"}
STANDING = "grade state attempts semester credits first_release cleared_release"


def test_a_failed_subject_that_is_passed_under_its_newer_code_is_one_passed_subject() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "451", 3, "F"),
            (FEB_22, ANN, "402", 4, "A"),
            (AUG_22, ANN, "PC451CS", 3, "C"),
        ],
        [(FEB_22, ANN, 4, "PROMOTED"), (AUG_22, ANN, 4, "COMPLETED", 8.14)],
        newer_codes=CHANGED,
    )
    assert set(found["standings"]["subject_code"]) == {"402", "PC451CS"}
    standing = values(found["standings"], STANDING, subject_code="PC451CS")
    assert standing == ("C", "passed", 2, 4, 3.0, FEB_22, AUG_22)
    # (3 × 7 + 4 × 9) / 7 = 57 / 7 = 8.142… → 8.14, as printed
    assert values(found["semester_gpas"], "credits sgpa sgpa_printed state") == (
        7.0, 8.14, 8.14, "finished",
    )  # fmt: skip
    assert values(found["student_cgpas"], "cgpa credits_counted passed_subjects open_subjects") == (
        8.14, 7.0, 2, 0,
    )  # fmt: skip
    assert values(found["student_credits"], "attempted earned open") == (7.0, 7.0, 0.0)
    assert found["backlogs"].is_empty()
    assert set(found["subject_stats"]["subject_code"]) == {"402", "451", "PC451CS"}
    assert set(found["marks"]["subject_code"]) == {"402", "451", "PC451CS"}


def test_without_the_file_codes_are_different_subjects() -> None:
    sat = [(FEB_22, ANN, "451", 3, "F"), (AUG_22, ANN, "PC451CS", 3, "C")]
    found = compute_aggregates(sat)
    assert found["standings"].height == 2
    assert values(found["student_cgpas"], "open_subjects") == (1,)


def test_a_student_with_one_open_backlog_is_ranked_after_passing_it_under_the_newer_code() -> None:
    sat = [(FEB_22, ANN, "451", 3, "F"), (AUG_22, ANN, "PC451CS", 3, "C")]
    separate, merged = compute_aggregates(sat), compute_aggregates(sat, newer_codes=CHANGED)
    ranks = [
        values(found["student_rankings"], "rank", hall_ticket=ANN, scope="class")
        for found in (separate, merged)
    ]
    assert ranks == [(None,), (1,)]


def test_a_backlog_has_the_newer_code_and_is_open_since_its_first_failure() -> None:
    found = compute_aggregates(
        [(FEB_22, ANN, "451", 3, "F"), (AUG_22, ANN, "PC451CS", 3, "Ab")], newer_codes=CHANGED
    )
    backlog = "subject_code semester since_release attempts state"
    assert values(found["backlogs"], backlog) == ("PC451CS", 4, FEB_22, 1, "absent")


def test_a_student_who_sat_only_the_old_code_has_a_standing_under_the_newer_one() -> None:
    found = compute_aggregates([(FEB_22, ANN, "451", 3, "B")], newer_codes=CHANGED)
    assert values(found["standings"], "subject_code grade semester") == ("PC451CS", "B", 4)


def test_a_code_that_does_not_tell_its_semester_takes_it_from_the_older_code() -> None:
    found = compute_aggregates(
        [(FEB_22, ANN, "451", 3, "B"), (AUG_22, BEN, "PC451CS", 3, "A")], newer_codes=CHANGED
    )
    assert values(found["semester_gpas"], "semester sgpa", hall_ticket=BEN) == (4, 9.0)
    assert values(found["semester_stats"], "semester appeared", release=AUG_22) == (4, 1)


def test_codes_that_changed_twice_count_as_the_newest() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "451", 3, "F"),
            (AUG_22, ANN, "461", 3, "F"),
            (FEB_23, ANN, "PC451CS", 3, "E"),
        ],
        newer_codes={"461": "PC451CS", "451": "461"},
    )
    assert values(found["standings"], f"subject_code {STANDING}") == (
        "PC451CS", "E", "passed", 3, 4, 3.0, FEB_22, FEB_23,
    )  # fmt: skip


def test_a_backlog_stays_in_its_semester_when_the_newer_code_belongs_to_another() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "451", 3, "F"),
            (FEB_22, ANN, "402", 3, "A"),
            (AUG_22, ANN, "551", 4, "C"),
            (AUG_22, ANN, "502", 4, "S"),
            (AUG_22, BEN, "551", 4, "B"),
        ],
        newer_codes={"451": "551"},
    )
    # The credits are those of the attempt that passed: (4 × 7 + 3 × 9) / 7 = 7.857… → 7.86
    assert values(found["semester_gpas"], "credits sgpa", hall_ticket=ANN, semester=4) == (
        7.0, 7.86,
    )  # fmt: skip
    assert values(found["semester_gpas"], "credits sgpa", hall_ticket=ANN, semester=5) == (4.0, 10)
    assert values(found["standings"], "semester", hall_ticket=BEN) == (5,)


def test_a_revaluation_is_compared_with_attempts_under_the_older_code() -> None:
    found = compute_aggregates(
        [
            (FEB_22, ANN, "451", 3, "E"),
            (FEB_22, ANN, "402", 3, "A"),
            (FEB_22_RV, ANN, "551", 3, "C"),
            (FEB_22_RV, ANN, "402", 3, "A"),
        ],
        newer_codes={"451": "551"},
    )
    impact = (
        "grade_before grade_after points_change outcome sgpa_before sgpa_after cgpa_before "
        "cgpa_after"
    )
    # The SGPA is that of semester 4, in which the subject counts: (5 + 9) / 2 → (7 + 9) / 2
    assert values(found["revaluation_impact"], impact, subject_code="551") == (
        "E", "C", 2, "raised", 7.0, 8.0, 7.0, 8.0,
    )  # fmt: skip
    stats = values(found["subject_stats"], "revalued", subject_code="451", release=FEB_22)
    assert stats == (0,)


def test_a_semester_printed_as_open_is_complete_when_the_newer_code_is_the_known_backlog() -> None:
    sat = [(FEB_22, ANN, "451", 3, "F"), (AUG_22, ANN, "PC451CS", 3, "F")]
    printed = [(AUG_22, ANN, 4, "ALREADY PROMOTED")]
    found = compute_aggregates(sat, printed, newer_codes=CHANGED)
    reasons = values(found["student_cgpas"], "incomplete_because open_subjects")
    assert reasons == ("nothing is known of semester 1, 2, 3", 1)


def test_a_standing_without_marks_under_any_of_its_codes_is_a_difference() -> None:
    found = compute_aggregates(
        [(FEB_22, ANN, "451", 3, "F"), (AUG_22, ANN, "PC451CS", 3, "C")], newer_codes=CHANGED
    )
    standings, marks, subjects = (found[name] for name in ("standings", "marks", "subjects"))
    assert every_subject_sat_has_one_standing(standings, marks, subjects).is_empty()
    lost = every_subject_sat_has_one_standing(standings.clear(), marks, subjects)
    assert lost["what"].to_list() == ["standings", "standings missing"]


GRADES = ["S", "C", "E", "F", "Ab", "WH"]
CODES = ["101", "151", "181", "102"]
CHAIN = {"101": "151", "151": "181"}
TOTALS = ("semester_gpas", "student_cgpas", "student_credits")
attempts = st.tuples(
    st.sampled_from([FEB_22, FEB_22_RV, AUG_22, FEB_23]),
    st.sampled_from([ANN, BEN]),
    st.sampled_from(CODES),
    st.just(3),
    st.sampled_from(GRADES),
)
histories = st.lists(attempts, min_size=1, max_size=8, unique_by=lambda mark: mark[:3])


def codes_by_student(history: list[Mark]) -> dict[str, set[str]]:
    """Return the codes of the chain that each student sat."""
    sat: dict[str, set[str]] = defaultdict(set)
    for _, who, code, *_ in history:
        sat[who] |= {code} - {"102"}
    return sat


def rows_of(found: dict[str, pl.DataFrame], table: str, who: str) -> list[dict[str, Any]]:
    return found[table].filter(hall_ticket=who).rows(named=True)


@settings(max_examples=20, deadline=None)
@given(histories)
def test_merging_codes_changes_no_totals_of_students_who_sat_only_one(history: list[Mark]) -> None:
    separate = compute_aggregates(history, newer_codes={})
    merged = compute_aggregates(history, newer_codes=CHAIN)
    for who, codes in codes_by_student(history).items():
        # One standing for the chain, however many of its codes were sat.
        standings = rows_of(merged, "standings", who)
        assert len([row for row in standings if row["subject_code"] != "102"]) == bool(codes)
        if len(codes) <= 1:
            for table in TOTALS:
                assert rows_of(merged, table, who) == rows_of(separate, table, who)
            newest = [{**row, "subject_code": "181"} if codes == {row["subject_code"]} else row
                      for row in rows_of(separate, "standings", who)]  # fmt: skip
            assert sorted(map(str, standings)) == sorted(map(str, newest))


@settings(max_examples=20, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_a_subject_counts_once_whatever_the_order_of_rows_and_lines(
    history: list[Mark], random: Any
) -> None:
    expected = compute_aggregates(history, newer_codes=CHAIN)
    shuffled, lines = list(history), list(CHAIN.items())
    random.shuffle(shuffled)
    random.shuffle(lines)
    found = compute_aggregates(shuffled, newer_codes=dict(lines))
    for table in ("standings", "backlogs", "revaluation_impact", *TOTALS):
        key = [name for name in ("release", "hall_ticket", "subject_code", "semester")
               if name in expected[table].columns]  # fmt: skip
        assert found[table].sort(key).equals(expected[table].sort(key)), table
