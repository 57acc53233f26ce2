"""Who is admitted: classes by college and branch, their sizes, and the serials of their students.

Places and numbers only; what a student is like is `cohort.py`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.standin.curriculum import BRANCHES, MAIN_BRANCHES
from ouspark_assets.standin.randomness import choice, stream, uniform
from ouspark_assets.standin.release_calendar import (
    FIRST_YEAR,
    Release,
    cohorts_admitted,
    standard_semester,
    timetable,
)

OWN_RESULTS: Final = ("1604", "2453", "1603", "2455", "1605", "1610", "2456")
AUTONOMOUS: Final = ("1607", "1608", "1609", "1606", "1602", "1601", "2451", "1005")
INVENTED: Final = tuple(str(code) for code in (*range(1611, 1651), *range(2457, 2480)))
COLLEGES: Final = OWN_RESULTS + AUTONOMOUS + INVENTED
WOMENS_COLLEGES: Final = ("2456", "1606")

# The smallest of these grids of colleges and branches in which a cohort fits is used.
GRIDS: Final = (
    (len(OWN_RESULTS), MAIN_BRANCHES),
    (len(OWN_RESULTS + AUTONOMOUS), MAIN_BRANCHES),
    (len(OWN_RESULTS + AUTONOMOUS), len(BRANCHES)),
    (len(COLLEGES), len(BRANCHES)),
)
LARGEST_CLASS: Final = 240
USUAL_FILL: Final = 0.85
SMALLEST_USUAL_CLASS: Final = 30
REGULARS_PER_LATERAL: Final = 10
FIRST_LATERAL_SERIAL: Final = 301
FIRST_LATERAL_SEMESTER: Final = 3
GAP, LONG_GAP, LATERAL_GAP = 0.012, 0.0015, 0.03
LONGEST_GAP: Final = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the world is: the seed, the students, and the releases they are counted by."""

    seed: int = 1
    students: int = 300
    releases: int = 6


@dataclass(frozen=True, slots=True)
class Intake:
    """The students of one admission year: regular ones first in each class, then lateral entry."""

    year: int
    college: NDArray[np.int16]
    branch: NDArray[np.int16]
    serial: NDArray[np.int16]

    @property
    def lateral(self) -> NDArray[np.bool_]:
        """Who joins in semester 3."""
        return self.serial >= FIRST_LATERAL_SERIAL


def intake_of(scale: Scale, cohort: int) -> Intake:
    """The students that a cohort admits, lateral entry included whether joined by then or not."""
    regular, lateral = _numbers(scale, cohort)
    places = _places(regular, scale)
    source = stream(scale.seed, "admission", cohort)
    sizes = _spread(regular, places, source)
    lateral_sizes = _shares(lateral, sizes)
    columns = [
        np.concatenate([_regular_serials(size, source), _lateral_serials(joining, source)])
        for size, joining in zip(sizes.tolist(), lateral_sizes.tolist(), strict=True)
    ]
    lengths = [len(column) for column in columns]
    return Intake(
        year=FIRST_YEAR - 1 + cohort,
        college=np.repeat(places[:, 0], lengths).astype(np.int16),
        branch=np.repeat(places[:, 1], lengths).astype(np.int16),
        serial=np.concatenate(columns).astype(np.int16),
    )


def _numbers(scale: Scale, cohort: int) -> tuple[int, int]:
    published = timetable(scale.releases)
    admitted = cohorts_admitted(published)
    share, rest = divmod(scale.students, admitted)
    if cohort >= admitted:
        return share, share // REGULARS_PER_LATERAL
    total = share + (cohort < rest)
    if _lateral_joined(published, cohort):
        lateral = total // (REGULARS_PER_LATERAL + 1)
        return total - lateral, lateral
    return total, total // REGULARS_PER_LATERAL


def _lateral_joined(published: tuple[Release, ...], cohort: int) -> bool:
    return standard_semester(published[-1].session, cohort) >= FIRST_LATERAL_SEMESTER


def _places(regular: int, scale: Scale) -> NDArray[np.int64]:
    for colleges, branches in GRIDS:
        if regular <= colleges * branches * LARGEST_CLASS * USUAL_FILL:
            break
    else:
        raise OuSparkError(_too_many(scale))
    grid = [(college, branch) for college in range(colleges) for branch in range(branches)]
    if regular <= SMALLEST_USUAL_CLASS * len(grid):
        grid.sort(key=lambda place: (max(place), place))
        grid = grid[: max(1, regular // SMALLEST_USUAL_CLASS)]
    return np.array(sorted(grid), dtype=np.int64)


def _too_many(scale: Scale) -> str:
    colleges, branches = GRIDS[-1]
    admitted = cohorts_admitted(timetable(scale.releases))
    most = int(colleges * branches * LARGEST_CLASS * USUAL_FILL) * admitted
    return (
        f"{scale.students} students don't fit into the {admitted} admission year(s) of "
        f"{scale.releases} releases, which hold {most}: ask for fewer students or more releases"
    )


def _spread(
    total: int, places: NDArray[np.int64], source: np.random.Generator
) -> NDArray[np.int64]:
    weights = uniform(source, len(places)) + np.float32(0.5)
    sizes = np.zeros(len(places), dtype=np.int64)
    while (left := total - int(sizes.sum())) > 0:
        room = sizes < LARGEST_CLASS
        more = np.zeros_like(sizes)
        more[room] = _shares(left, (weights[room] * 1000).astype(np.int64))
        sizes = np.minimum(sizes + more, LARGEST_CLASS)
    return sizes


def _shares(total: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole shares of a total in proportion to weights, none lost."""
    ends = np.cumsum(weights) * total // max(1, int(weights.sum()))
    return np.diff(ends, prepend=0)


def _regular_serials(size: int, source: np.random.Generator) -> NDArray[np.int64]:
    drawn = uniform(source, size)
    gaps = (drawn < GAP).astype(np.int64)
    long = drawn > 1 - LONG_GAP
    gaps[long] = 2 + choice(source, LONGEST_GAP - 1, size)[long]
    return np.arange(1, size + 1) + np.cumsum(gaps)


def _lateral_serials(size: int, source: np.random.Generator) -> NDArray[np.int64]:
    gaps = uniform(source, size) < LATERAL_GAP
    return FIRST_LATERAL_SERIAL + np.arange(size) + np.cumsum(gaps)
