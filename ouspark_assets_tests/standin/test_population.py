"""The students of the stand-in: tickets, lateral entry, names, curricula, and reproducibility."""

from collections import Counter, defaultdict
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.standin.cohorts import COLLEGES, GENDERS, OWN_RESULTS, WOMENS_COLLEGES, Scale
from ouspark_assets.standin.curriculum import BRANCHES, MAIN_BRANCHES, load_curricula
from ouspark_assets.standin.release_calendar import first_releases
from ouspark_assets.standin.result_pages import ReleasePages
from ouspark_assets.standin.student_names import MAX_NAME_LENGTH, compose_name
from ouspark_assets.standin.world import World

LARGE = Scale(seed=2, students=10_000, releases=6)


@pytest.fixture(scope="module")
def large() -> World:
    return World(LARGE)


def serials_by_class(world: World) -> dict[str, list[int]]:
    classes: dict[str, list[int]] = defaultdict(list)
    for ticket in world.students:
        classes[ticket[:9]].append(int(ticket[9:]))
    return classes


def digest_rows(world: World) -> str:
    digest = sha256()
    for published in world.published:
        for rows in published.cohort_rows:
            for column in (rows.mark_offsets, rows.marks, rows.result_offsets, rows.results):
                digest.update(column.astype("<u4").tobytes())
    return digest.hexdigest()


def names(world: World) -> list[str]:
    return [
        compose_name(int(bits), GENDERS[int(female)])
        for cohort in world.cohorts
        for bits, female in zip(cohort.name_bits, cohort.female, strict=True)
    ]


@pytest.mark.parametrize(
    ("students", "releases"), [(1, 1), (2, 6), (300, 6), (1001, 9), (10_000, 1)]
)
def test_the_releases_show_exactly_the_requested_number_of_students(
    students: int, releases: int
) -> None:
    world = World(Scale(seed=5, students=students, releases=releases))
    assert sum(int(cohort.appeared.sum()) for cohort in world.cohorts) == students


def test_one_cohort_of_ten_thousand_students_fits_into_one_main_release() -> None:
    world = World(Scale(students=10_000, releases=1))
    assert [published.page_count for published in world.published] == [10_000]
    assert len(world.cohorts) == 1


def test_more_students_than_the_classes_hold_are_refused_in_one_line() -> None:
    with pytest.raises(
        OuSparkError, match=r"2000000 students don't fit .* fewer students"
    ) as error:
        World(Scale(students=2_000_000))
    assert "\n" not in str(error.value)


def test_the_same_seed_gives_the_same_rows_on_every_machine() -> None:
    digest = digest_rows(World(Scale(seed=1, students=300, releases=6)))
    assert digest == digest_rows(World(Scale(seed=1, students=300, releases=6)))
    assert digest == "48301e5f408ad361e0db3b070431b6e72f77688d06457a7bd49fb25c22ddbc13"


def test_another_seed_gives_other_students() -> None:
    first, second = World(Scale(seed=1)), World(Scale(seed=2))
    assert digest_rows(first) != digest_rows(second)
    assert names(first) != names(second)


def test_published_pages_do_not_change_when_later_releases_follow() -> None:
    world = World(Scale(seed=4, students=200, releases=3))
    pages = [ReleasePages(world, published) for published in world.published]
    tickets = list(world.students)
    before = [page.answer(ticket) for page in pages for ticket in tickets]
    for _ in range(6):
        world.publish_next_release()
    assert [page.answer(ticket) for page in pages for ticket in tickets] == before


def test_tickets_are_college_year_branch_serial(large: World) -> None:
    branches = {branch.code for branch in BRANCHES[:MAIN_BRANCHES]}
    for ticket in large.students:
        assert ticket[:4] in OWN_RESULTS
        assert ticket[4:6] in ("23", "24")
        assert ticket[6:9] in branches
    assert len({ticket[:9] for ticket in large.students}) == 2 * len(OWN_RESULTS) * len(branches)


def test_serials_begin_at_1_and_at_301_and_have_short_gaps(large: World) -> None:
    steps: Counter[int] = Counter()
    for class_serials in serials_by_class(large).values():
        regular = sorted(serial for serial in class_serials if serial < 301)
        lateral = sorted(serial for serial in class_serials if serial >= 301)
        assert regular[0] <= 6
        assert len(regular) <= 240
        assert lateral[0] <= 302
        assert lateral[-1] < 400
        steps.update(after - before for before, after in pairwise(regular))
    assert max(steps) in range(4, 8)
    assert 0.005 < sum(count for step, count in steps.items() if step > 1) / steps.total() < 0.03


def test_lateral_entrants_join_in_semester_three(large: World) -> None:
    for number, cohort in enumerate(large.cohorts):
        lateral = cohort.intake.lateral
        assert (cohort.first_release[lateral][:, :20] == -1).all()
        joined = cohort.appeared[lateral]
        assert joined.all() if number == 0 else not joined.any()


def test_colleges_for_women_have_only_women(large: World) -> None:
    for cohort in large.cohorts:
        colleges = [COLLEGES[college] for college in cohort.intake.college]
        women = np.isin(colleges, WOMENS_COLLEGES)
        assert cohort.female[women].all()
        assert 0.3 < cohort.female[~women].mean() < 0.6


def test_names_are_upper_case_and_cut_at_thirty_characters(large: World) -> None:
    lengths = Counter(map(len, names(large)))
    assert max(lengths) == MAX_NAME_LENGTH
    assert 0.01 < lengths[MAX_NAME_LENGTH] / lengths.total() < 0.06
    assert all(name == name.strip() == name.upper() for name in names(large))


@pytest.mark.parametrize("text", ["  ", ". ", "&", "'", "’", "É"])
def test_a_few_names_have_unusual_characters(large: World, text: str) -> None:
    odd = [name for name in names(large) if text in name]
    assert 0 < len(odd) < 0.1 * len(large.students)


def test_unusual_names_are_encoded_in_the_charset_of_the_pages(large: World) -> None:
    pages = ReleasePages(large, large.published[5])
    everything = b"".join(pages.answer(ticket) for ticket in list(large.students)[:5000])
    assert b" D\x92" in everything
    assert b"REN\xc9" in everything
    assert b" &amp; " in everything


def test_the_first_digit_of_a_code_is_its_semester() -> None:
    taught = load_curricula()
    for options in taught.options:
        for slot, subjects in enumerate(options.tolist()):
            for subject in subjects:
                assert subject < 0 or int(taught.subjects[subject].code[0]) == slot // 10 + 1


def test_a_code_belongs_to_one_subject() -> None:
    codes = [subject.code for subject in load_curricula().subjects]
    assert len(set(codes)) == len(codes)
    assert {"101", "301", "306I", "402B", "273A", "671D"} <= set(codes)


def test_semesters_have_about_twenty_credits_and_end_with_the_project() -> None:
    taught = load_curricula()
    for options in taught.options:
        for semester in range(8):
            slots = options[semester * 10 : semester * 10 + 10, 0]
            taken = [taught.subjects[subject] for subject in slots if subject >= 0]
            assert 17 <= sum(each.half_credits for each in taken) / 2 <= 21
            assert 5 <= len(taken) <= 10
        last = [taught.subjects[subject] for subject in options[70:, 0] if subject >= 0]
        assert 16 in [each.half_credits for each in last]
    assert {each.half_credits for each in taught.subjects} == {0, 2, 3, 4, 6, 8, 16}


def test_branches_share_subjects_and_students_choose_electives(large: World) -> None:
    options = load_curricula().options
    civil, computing, technology = (
        set(options[[b.code for b in BRANCHES].index(code)].ravel().tolist()) - {-1}
        for code in ("732", "733", "737")
    )
    assert civil & computing
    assert computing & technology
    assert technology - computing
    chosen = large.cohorts[0].subject
    electives = [len(set(chosen[large.cohorts[0].intake.branch == 0][:, s])) for s in range(40, 80)]
    assert max(electives) >= 3


def test_grades_of_a_student_are_correlated(large: World) -> None:
    cohort = large.cohorts[0]
    regular = ~cohort.intake.lateral & (cohort.latest[:, 0] >= 0) & (cohort.latest[:, 1] >= 0)
    grades = cohort.latest[regular].astype(float)
    assert np.corrcoef(grades[:, 0], grades[:, 1])[0, 1] > 0.3


def test_laboratories_are_easier_than_theory(large: World) -> None:
    subjects = load_curricula().subjects
    labs = np.array([each.name.endswith("LAB") for each in subjects])
    marks = large.published[0].cohort_rows[0].marks
    grades, in_lab = marks & 15, labs[marks >> 4]
    graded = grades <= 6
    assert grades[graded & in_lab].mean() < grades[graded & ~in_lab].mean() - 0.5


def test_some_students_are_absent_and_some_leave(large: World) -> None:
    marks = np.concatenate([rows.marks for rows in large.published[5].cohort_rows])
    assert 0.003 < ((marks & 15) == 7).mean() < 0.03
    first, latest = large.published[0], large.published[5]
    gone = first.cohort_rows[0].have_pages() & ~latest.cohort_rows[0].have_pages()
    assert 0 < gone.sum() < 0.05 * first.page_count


def test_later_releases_spell_some_subjects_differently() -> None:
    world = World(Scale(seed=1, students=60, releases=9))
    seen = b"".join(
        ReleasePages(world, published).answer(ticket)
        for published in world.published
        for ticket in world.students
    )
    assert b"&nbsp;FINANCE AND ACCOUNTING<" in seen
    assert b"&nbsp;FINANCE &amp; ACCOUNTING<" in seen


def test_the_calendar_has_sixty_releases_with_different_keys() -> None:
    assert len({release.key for release in first_releases(60)}) == 60
