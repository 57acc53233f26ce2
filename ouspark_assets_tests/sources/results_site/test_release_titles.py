"""Free-text titles: every form that the university has used, and random text."""

from itertools import product
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouspark_assets.domain.releases import BE_COURSE, ExamKind, Scheme
from ouspark_assets.sources.results_site.release_titles import MAX_TITLE_LENGTH, read_title

NORMAL_TITLE = "B.E. (CBCS) (Main & Backlog) III, V & VII Semester December 2024/January 2025. "
MAIN, RV = ExamKind.MAIN, ExamKind.REVALUATION
CBCS, NON_CBCS, AICTE = Scheme.CBCS, Scheme.NON_CBCS, Scheme.AICTE
FIRST_SEVEN = (1, 2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("title", "scheme", "kind", "semesters", "session"),
    [
        ("B.E. (CBCS) (RV) Aug/Sept-2024", CBCS, RV, None, (2024, 8)),
        ("B.E. (Non-CBCS) (RV) Aug/Sept-2024 Results", NON_CBCS, RV, None, (2024, 8)),
        (
            "B.E. I–VI Sem Feb-2023 (RV) and VIII Sem June-2023 (RV) Results",
            None, RV, (1, 2, 3, 4, 5, 6, 8), (2023, 6),
        ),
        (
            "BE AICTE (Regular & supply) CBCS (Backlog) Sep/Oct 2024 examination results",
            AICTE, MAIN, None, (2024, 9),
        ),
        ("BE(CBCS) ( 2,4,6) Sem Backlogs Sept-2021 Results", CBCS, MAIN, (2, 4, 6), (2021, 9)),
        (
            "B.E. (AICTE) VI, IV, II sem. (Main & Backlogs); I, III, V VII sem. (Backlogs) And"
            " Make-up July/August 2026 Examination Results.",
            AICTE, MAIN, FIRST_SEVEN, (2026, 7),
        ),
        ("be (aicte) [rv] i, iii & v semesters feb/mar – 2025", AICTE, RV, (1, 3, 5), (2025, 2)),
        ("B.E.(CBCS) II-IV-VI Sem Aug'24", CBCS, MAIN, (2, 4, 6), (2024, 8)),
        ("B E (AICTE) 2nd, 4th & 6th Semesters August, 2025", AICTE, MAIN, (2, 4, 6), (2025, 8)),
        ("B.E.CBCS I to IV sems Sept.-2021", CBCS, MAIN, (1, 2, 3, 4), (2021, 9)),
        ("B.E. (AICTE) Semester-III Re-valuation May 2026", AICTE, RV, (3,), (2026, 5)),
        ("B.E. All Semesters (Supply) 2024", None, MAIN, (1, 2, 3, 4, 5, 6, 7, 8), (2024, None)),
        ("BE (NON CBCS) 3/4 II Sem May/June 2018", NON_CBCS, MAIN, (6,), (2018, 5)),
        ("B.E. (CBCS) V Sem Dec/Jan 2024", CBCS, MAIN, (5,), (2023, 12)),
        ("B.E. (CBCS & Non-CBCS) May-2020", CBCS, MAIN, None, (2020, 5)),
        ("B.E. (CBCS) VI Sem Revaluation", CBCS, RV, (6,), (None, None)),
    ],
)  # fmt: skip
def test_a_title_is_read_as_far_as_it_says(
    title: str,
    scheme: Scheme | None,
    kind: ExamKind,
    semesters: tuple[int, ...] | None,
    session: tuple[int | None, int | None],
) -> None:
    facts = read_title(title)
    assert facts.course == BE_COURSE
    assert (facts.scheme, facts.kind, facts.semesters) == (scheme, kind, semesters)
    assert (facts.session_year, facts.session_month) == session
    assert facts.readable is (session[0] is not None)


@pytest.mark.parametrize(
    "title",
    [
        "B.Sc (CBCS) II Sem May-2024", "BA III Sem 2024", "MBA IV Sem July 2024", "B.Ed I Sem 2024",
        "B.E.d. II Sem Aug-2024", "B.El.Ed 2020", "BEd 2024", "M.E. II Sem Aug 2024", "M.B.E. 2020",
        "BCA (CBCS) 2025", "LLB 2025", "B.Com (Hons) 2024", "MCA Backlogs 2022",
        "RESULTS TO BE DECLARED Aug 2024", "B.Pharmacy 2024", "BBA 2023",
    ],
)  # fmt: skip
def test_other_courses_are_never_taken_for_engineering(title: str) -> None:
    assert read_title(title).course is None


@pytest.mark.parametrize(
    ("title", "alone"),
    [
        ("BE(CBCS) (2,4,6) Sem Backlogs Sept-2021 Results", True),
        ("B.E. (AICTE) Supplementary Sep 2025", True),
        ("BE AICTE (Regular & supply) CBCS (Backlog) Sep/Oct 2024", False),
        ("B.E. (AICTE) VI sem. (Main & Backlogs) July 2026", False),
        ("B.E. (AICTE) VI sem. July 2026", False),
    ],
)
def test_a_release_for_repeaters_only_is_recognised(title: str, alone: bool) -> None:
    assert read_title(title).repeaters_only is alone


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    facts = read_title(text)
    assert facts.session_year is None or 1990 <= facts.session_year <= 2100
    assert facts.session_month is None or 1 <= facts.session_month <= 12


WORDS = [
    "B.E.",
    "BE",
    "(RV)",
    "I–VI",
    "II to",
    "/",
    "-",
    "Sem",
    "3/4",
    "Aug",
    "2024",
    "'24",
    "&",
    "Dec/Jan",
    "(CBCS)",
    "Non-",
    "I",
    "VIII",
    "8",
    "st",
    "may",
    "Backlogs",
    "[",
    ",",
]


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_mixture_of_usual_words_gives_valid_semesters(text: str) -> None:
    semesters = read_title(text).semesters or ()
    assert list(semesters) == sorted(set(semesters))
    assert all(1 <= semester <= 8 for semester in semesters)


@given(st.sampled_from(["Sc", "Ed", "Com", "A", "Tech", "Pharm", "BA", "CA", "Arch"]),
       st.sampled_from(["B.", "B", "M.", "M"]))  # fmt: skip
def test_other_degrees_are_not_engineering(subject: str, degree: str) -> None:
    assert read_title(f"{degree}{subject} (CBCS) II Sem Aug-2024 Results").course is None


# Each of them, repeated or followed by another one, makes some pattern of the reader start often or
# run far without a match.
UNITS = [
    "I ", "I.", "I,", "II, ", "1 ", "1-", "1st ", "V & ", "1/4 ", "III/IV year ", "sem ", "sem.(",
    "jan ", "jan/", "may to ", "Dec-", "2024 ", "'2", "BE ", "to BE ", "B . ", "non ", "c.b.c.",
    "a.i.c.t.", "re-", "(r. ", "supple", "M ", "( ", ")", "-", ", ", "and", "\ufdfa", "\u3350",
]  # fmt: skip


def repeated(unit: str, length: int = MAX_TITLE_LENGTH) -> str:
    return (unit * length)[:length]


def cost(title: str, tries: int = 1) -> float:
    """Processor time to read a title: the least of several tries, as other work only adds to it."""

    def once() -> float:
        started = thread_time()
        read_title(title)
        return thread_time() - started

    return min(once() for _ in range(tries))


def test_no_title_costs_much_more_than_a_normal_one_of_the_same_length() -> None:
    half = MAX_TITLE_LENGTH // 2
    titles = [
        repeated(first, half) + repeated(second, half) for first, second in product(UNITS, UNITS)
    ]
    # Four times as much at most was measured, and 80 times as much with patterns that try every
    # part of a list.
    limit = 15 * cost(repeated(NORMAL_TITLE), tries=20)
    suspects = [title for title in titles if cost(title) > limit]
    assert [title for title in suspects if cost(title, tries=10) > limit] == []
