"""Property test: standings of random attempts equal a simple reimplementation of the rule."""

from dataclasses import dataclass
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ouspark_assets.analytics.attempts import compute_attempts
from ouspark_assets.analytics.standings import compute_standings
from ouspark_assets.domain.grades import POINTS_BY_GRADE
from ouspark_assets_tests.analytics.universities import ANN, RELEASES
from ouspark_assets_tests.support.factories import marks, releases

ORDER = [RELEASES[0], RELEASES[3], RELEASES[1], RELEASES[2]]
GRADES = [*POINTS_BY_GRADE, "WH", ""]
PASSING = set("SABCDE")


@dataclass(frozen=True)
class Expected:
    grade: str
    attempts: int
    cleared: str | None


def expected_standing(grades: list[str | None]) -> Expected:
    """Return the standing for one grade (or none) per release, in release order."""
    sat = [
        (release, grade) for release, grade in zip(ORDER, grades, strict=True) if grade is not None
    ]
    passing = [pair for pair in sat if pair[1] in PASSING]
    counting = (
        max(passing, key=lambda pair: POINTS_BY_GRADE.get(pair[1]) or 0) if passing else sat[-1]
    )
    sittings = [release for release, grade in sat if grade != "Ab" and "exam_kind" not in release]
    cleared = str(passing[0][0]["release"]) if passing else None
    return Expected(counting[1], len(sittings), cleared)


def has_attempt(grades: list[str | None]) -> bool:
    return any(grade is not None for grade in grades)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.none() | st.sampled_from(GRADES), min_size=4, max_size=4).filter(has_attempt),
    st.randoms(use_true_random=False),
)
def test_the_best_passing_grade_counts_or_else_the_latest_grade(
    grades: list[str | None], random: Random
) -> None:
    rows = [
        {
            "release": release["release"],
            "hall_ticket": ANN,
            "grade": grade,
            "points": POINTS_BY_GRADE.get(grade),
        }
        for release, grade in zip(ORDER, grades, strict=True)
        if grade is not None
    ]
    random.shuffle(rows)
    found = compute_standings(compute_attempts(marks(*rows), releases(*RELEASES)))
    standing = found.row(0, named=True)
    assert found.height == 1
    assert expected_standing(grades) == Expected(
        standing["grade"], standing["attempts"], standing["cleared_release"]
    )
