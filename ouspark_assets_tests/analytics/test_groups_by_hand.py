"""Statistics of colleges, departments, subjects and semesters equal hand-computed values."""

import json

from ouspark_assets.analytics.options import Options
from ouspark_assets_tests.analytics.universities import (
    AUG_22,
    FEB_22,
    FEB_22_RV,
    compute_aggregates,
    ticket,
    values,
)

TEN = [ticket(serial) for serial in range(1, 11)]
GRADES = ["S", "S", "A", "B", "B", "C", "D", "F", "Ab", "WH"]
SAT = [(FEB_22, who, "101", 4, grade) for who, grade in zip(TEN, GRADES, strict=True)]


def test_appeared_counts_passed_and_failed_but_not_absent_or_pending() -> None:
    stats = compute_aggregates(SAT)["subject_stats"]
    counts = "appeared passed failed absent pending pass_percent mean_points"
    # 7 of 8 passed: 87.5 %; points (10 + 10 + 9 + 8 + 8 + 7 + 6 + 0) / 8 = 58 / 8 = 7.25
    assert values(stats, counts) == (8, 7, 1, 1, 1, 87.5, 7.25)
    assert json.loads(stats["grades"][0]) == {
        "S": 2, "A": 1, "B": 2, "C": 1, "D": 1, "E": 0, "F": 1,
    }  # fmt: skip


def test_a_subject_in_which_nobody_appeared_has_no_percentage_and_no_mean() -> None:
    stats = compute_aggregates([(FEB_22, TEN[0], "101", 4, "Ab")])["subject_stats"]
    assert values(stats, "appeared absent pass_percent mean_points") == (0, 1, None, None)


def test_subjects_are_counted_in_main_releases_and_revaluations_separately() -> None:
    stats = compute_aggregates(
        [
            *SAT,
            (FEB_22_RV, TEN[7], "101", 4, "E"),
            (FEB_22_RV, TEN[6], "101", 4, "B"),
            (FEB_22_RV, TEN[5], "101", 4, "C"),
        ],
        subjects=[("101", "theory", 1)],
    )["subject_stats"]
    assert stats["release"].to_list() == [FEB_22]
    # F → E and D → B are raised, F → E is cleared; 2 of 3 rows: 66.67 %
    revaluation = "kind passed revalued revaluation_raised revaluation_cleared raised_percent"
    assert values(stats, revaluation) == ("theory", 7, 3, 2, 1, 66.67)


def test_a_semester_is_clear_for_students_who_passed_all_its_rows_on_the_page() -> None:
    ann, ben, cat, dan = TEN[:4]
    found = compute_aggregates(
        [
            (FEB_22, ann, "101", 4, "A"), (FEB_22, ann, "102", 3, "B"),
            (FEB_22, ben, "101", 4, "A"), (FEB_22, ben, "102", 3, "F"),
            (FEB_22, cat, "101", 4, "A"), (FEB_22, cat, "102", 3, "Ab"),
            (FEB_22, dan, "101", 4, "Ab"), (FEB_22, dan, "102", 3, "Ab"),
        ],
        [
            (FEB_22, ann, 1, "PASSED", 8.57), (FEB_22, ben, 1, "PROMOTED"),
            (FEB_22, cat, 1, "PROMOTED"), (FEB_22, dan, 1, "DETAINED"),
            (AUG_22, ann, 1, "COMPLETED", 10.0), (AUG_22, ben, 1, "PROMOTED", 9.0),
            (AUG_22, cat, 1, "MALPRACTICE"),
        ],
    )  # fmt: skip
    feb = found["semester_stats"].filter(release=FEB_22)
    # DAN did not appear. One of the other three is all clear.
    assert values(feb, "appeared all_clear pass_percent") == (3, 1, 33.33)
    printed = "printed_lines printed_clear printed_promoted printed_detained mean_sgpa with_sgpa"
    assert values(feb, printed) == (4, 1, 2, 1, 8.57, 1)
    aug = found["semester_stats"].filter(release=AUG_22)
    # Lines without marks: nobody appeared. The mean and the median of 10 and 9 are 9.5.
    assert values(aug, "appeared pass_percent printed_promoted") == (0, None, 1)
    assert values(aug, "mean_sgpa median_sgpa lowest_sgpa highest_sgpa") == (9.5, 9.5, 9.0, 10.0)
    assert json.loads(aug["histogram"][0]) == {"9.0": 1, "9.5": 1}
    assert json.loads(aug["statuses"][0]) == {"COMPLETED": 1, "PROMOTED": 1, "MALPRACTICE": 1}


def test_a_college_counts_all_students_and_averages_those_with_a_cgpa() -> None:
    stats = compute_aggregates(SAT)["college_stats"]
    counts = "students decided all_clear with_backlogs pass_percent with_cgpa"
    # The student with WH has no decided subject: 7 of 9 are all clear, 77.78 %.
    assert values(stats, counts) == (10, 9, 7, 2, 77.78, 7)
    # (10 + 10 + 9 + 8 + 8 + 7 + 6) / 7 = 58 / 7 = 8.2857… → 8.29; the fourth of seven is 8.
    cgpas = "mean_cgpa median_cgpa lowest_cgpa highest_cgpa"
    assert values(stats, cgpas) == (8.29, 8.0, 6.0, 10.0)


def test_a_student_without_any_mark_is_not_counted_in_a_group() -> None:
    found = compute_aggregates([(FEB_22, TEN[0], "101", 4, "A")], [(FEB_22, TEN[1], 1, "DETAINED")])
    assert found["student_cgpas"].height == 2
    assert values(found["college_stats"], "students decided all_clear") == (1, 1, 1)


def test_toppers_are_all_students_of_the_first_ten_ranks_including_ties() -> None:
    tickets = [ticket(serial) for serial in range(1, 15)]
    # Twelve different CGPAs, because the second subject has different credits.
    sat = [
        mark
        for number, who in enumerate(tickets)
        for mark in ((FEB_22, who, "101", 10, "S"), (FEB_22, who, "102", min(number, 11), "E"))
    ]
    found = compute_aggregates(sat)
    toppers = json.loads(found["department_stats"]["toppers"][0])
    assert [topper["rank"] for topper in toppers] == list(range(1, 11))
    # 10 × 10 / 10 = 10; (100 + 9 × 5) / 19 = 145 / 19 = 7.63
    assert toppers[0] == {"rank": 1, "hall_ticket": tickets[0], "cgpa": 10.0}
    assert toppers[9] == {"rank": 10, "hall_ticket": tickets[9], "cgpa": 7.63}
    tied = compute_aggregates([(FEB_22, who, "101", 4, "S") for who in tickets])
    assert len(json.loads(tied["department_stats"]["toppers"][0])) == len(tickets)


def test_colleges_with_enough_students_are_ranked_by_mean_cgpa() -> None:
    best, same, small = (ticket(1, college=code) for code in ("1601", "1602", "1603"))
    sat = [
        (FEB_22, best, "101", 4, "S"), (FEB_22, ticket(2, college="1601"), "101", 4, "B"),
        (FEB_22, same, "101", 4, "A"), (FEB_22, ticket(2, college="1602"), "101", 4, "A"),
        (FEB_22, small, "101", 4, "S"),
        (FEB_22, TEN[0], "101", 4, "D"), (FEB_22, TEN[1], "101", 4, "D"),
    ]  # fmt: skip
    ranked = compute_aggregates(sat, options=Options(min_ranked=2))["college_rankings"]
    assert ranked.select("college_code", "n", "mean_cgpa", "rank", "out_of").rows() == [
        ("1601", 2, 9.0, 1, 3), ("1602", 2, 9.0, 1, 3),
        ("1603", 1, 10.0, None, 3), ("1604", 2, 6.0, 2, 3),
    ]  # fmt: skip
    assert ranked["unranked_because"].to_list()[2] == "1 of at least 2 students have a CGPA"


def test_departments_are_ranked_overall_within_their_college_and_within_their_branch() -> None:
    grades = {
        ("1601", "733"): "S",
        ("1601", "735"): "C",
        ("1602", "733"): "A",
        ("1602", "735"): "B",
    }
    found = compute_aggregates(
        [
            (FEB_22, ticket(1, college=college, branch=branch), "101", 4, grade)
            for (college, branch), grade in grades.items()
        ],
        options=Options(min_ranked=1),
    )
    ranked = found["department_rankings"]
    assert ranked.select("rank", "rank_in_college", "rank_in_branch").rows() == [
        (1, 1, 1), (4, 2, 2), (2, 1, 2), (3, 2, 1),
    ]  # fmt: skip


def test_demographics_add_up_in_every_college_branch_and_year() -> None:
    genders = dict(zip(TEN, ["FEMALE"] * 6 + ["MALE"] * 3 + [None], strict=True))
    found = compute_aggregates(SAT, genders=genders)["demographics"]
    everywhere = {"college_code": None, "branch_code": None, "admission_year": None}
    for place in (
        everywhere,
        {"college_code": "1604", "branch_code": "733", "admission_year": 2021},
    ):
        rows = found.filter(
            *(found[name].eq_missing(value) for name, value in place.items()), dimension="gender"
        )
        assert rows.select("value", "students", "all_clear").rows() == [
            ("FEMALE", 6, 6), ("MALE", 3, 1), ("unknown", 1, 0),
        ]  # fmt: skip


def test_a_class_is_divided_into_sections_only_when_a_section_size_is_set() -> None:
    sat = [(FEB_22, ticket(serial), "101", 4, "A") for serial in (1, 60, 61, 120, 301)]
    assert compute_aggregates(sat)["demographics"].filter(dimension="section").is_empty()
    sections = compute_aggregates(sat, options=Options(section_size=60))["demographics"].filter(
        dimension="section"
    )
    assert sections.select("value", "students", "college_code", "branch_code").rows() == [
        ("1", 2, "1604", "733"), ("2", 2, "1604", "733"), ("unknown", 1, "1604", "733"),
    ]  # fmt: skip
