"""The students: who is admitted in each year, and what each one has reached in every subject.

A cohort holds arrays with one row per student and one column per slot of the curriculum. The
examinations that change these arrays are in `examinations.py`.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.standin.curriculum import (
    BRANCHES,
    MAIN_BRANCHES,
    NO_SUBJECT,
    SEMESTERS,
    SLOTS,
    SLOTS_PER_SEMESTER,
    load_curricula,
)
from ouspark_assets.standin.grading import (
    ABSENT,
    NEVER_SAT,
    NOT_PASSED,
    POINTS,
    compute_gpa,
    is_pass,
)
from ouspark_assets.standin.release_calendar import (
    FIRST_YEAR,
    count_cohorts,
    first_releases,
    standard_semester,
)

OWN_RESULTS: Final = ("1604", "2453", "1603", "2455", "1605", "1610", "2456")
AUTONOMOUS: Final = ("1607", "1608", "1609", "1606", "1602", "1601", "2451", "1005")
INVENTED: Final = tuple(str(code) for code in (*range(1611, 1651), *range(2457, 2480)))
COLLEGES: Final = OWN_RESULTS + AUTONOMOUS + INVENTED
WOMENS_COLLEGES: Final = ("2456", "1606")

# A cohort gets the smallest of these grids of colleges and branches that is large enough for it.
GRIDS: Final = (
    (len(OWN_RESULTS), MAIN_BRANCHES),
    (len(OWN_RESULTS + AUTONOMOUS), MAIN_BRANCHES),
    (len(OWN_RESULTS + AUTONOMOUS), len(BRANCHES)),
    (len(COLLEGES), len(BRANCHES)),
)
MAX_CLASS_SIZE: Final = 240
USUAL_FILL: Final = 0.85
MIN_USUAL_CLASS_SIZE: Final = 30
REGULARS_PER_LATERAL: Final = 10
FIRST_LATERAL_SERIAL: Final = 301
FIRST_LATERAL_SEMESTER: Final = 3
# Probabilities that serials are missing before a student's.
GAP, LONG_GAP, LATERAL_GAP = 0.012, 0.0015, 0.03
MAX_GAP: Final = 5

GENDERS: Final = ("MALE", "FEMALE")
MEDIA: Final = ("ENGLISH", "TELUGU", "URDU")
ABILITY_SPREAD: Final = 20
CLASS_SPREAD, LEAD_OF_WOMEN = np.float32(4), np.float32(3)
SHARE_OF_WOMEN: Final = 0.42
ENGLISH, ENGLISH_OR_TELUGU = 0.97, 0.99
NO_RELEASE: Final = -1
Scalar = TypeVar("Scalar", bound=np.generic)


def random_stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the random stream of a seed, purpose and numbers, independent of all other streams.

    Only uniform numbers may be drawn from it, and only be added and multiplied: every machine
    rounds these alike. Normal or exponential numbers depend on the machine's maths library.
    """
    digest = blake2b(f"{seed}|{purpose}|{numbers}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def uniform(source: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Return random numbers in [0, 1)."""
    return source.random(shape, dtype=np.float32)


def around_zero(source: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Return random numbers in (-1, 1) with a triangular distribution around 0."""
    return uniform(source, *shape) + uniform(source, *shape) - np.float32(1)


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the simulation; `students` are those who appear in the first `releases`.

    With `changed_codes`, new schemes change the codes of a few subjects.
    """

    seed: int = 1
    students: int = 300
    releases: int = 6
    changed_codes: bool = False


@dataclass(frozen=True, slots=True)
class Intake:
    """The students of one admission year, by class; regular ones before lateral entrants."""

    year: int
    college: NDArray[np.int16]
    branch: NDArray[np.int16]
    serial: NDArray[np.int16]

    @property
    def lateral(self) -> NDArray[np.bool_]:
        """Which students join in semester 3."""
        return self.serial >= FIRST_LATERAL_SERIAL


def draw_intake(scale: Scale, cohort: int) -> Intake:
    """Return the students that a cohort admits, including lateral entrants who have yet to join."""
    regular, lateral = _count_students(scale, cohort)
    classes = _choose_classes(regular, scale)
    source = random_stream(scale.seed, "admission", cohort)
    sizes = _draw_class_sizes(regular, len(classes), source)
    serials = []
    for size, joining in zip(sizes.tolist(), _split(lateral, sizes).tolist(), strict=True):
        drawn = uniform(source, size)
        gaps = (drawn < GAP).astype(np.int64)
        is_long = drawn > 1 - LONG_GAP
        beyond_two = (uniform(source, size) * np.float32(MAX_GAP - 1)).astype(np.int64)
        gaps[is_long] = 2 + beyond_two.clip(0, MAX_GAP - 2)[is_long]
        lateral_gaps = uniform(source, joining) < LATERAL_GAP
        regular_serials = np.arange(1, size + 1) + np.cumsum(gaps)
        lateral_serials = FIRST_LATERAL_SERIAL + np.arange(joining) + np.cumsum(lateral_gaps)
        serials.append(np.concatenate([regular_serials, lateral_serials]))
    lengths = list(map(len, serials))
    return Intake(
        year=FIRST_YEAR - 1 + cohort,
        college=np.repeat(classes[:, 0], lengths).astype(np.int16),
        branch=np.repeat(classes[:, 1], lengths).astype(np.int16),
        serial=np.concatenate(serials).astype(np.int16),
    )


def _count_students(scale: Scale, cohort: int) -> tuple[int, int]:
    """Return how many regular students and lateral entrants a cohort has."""
    published = first_releases(scale.releases)
    cohorts = count_cohorts(published)
    share, rest = divmod(scale.students, cohorts)
    if cohort >= cohorts:
        return share, share // REGULARS_PER_LATERAL
    total = share + (cohort < rest)
    if standard_semester(published[-1].session, cohort) < FIRST_LATERAL_SEMESTER:
        return total, total // REGULARS_PER_LATERAL
    lateral = total // (REGULARS_PER_LATERAL + 1)
    return total - lateral, lateral


def _choose_classes(regular: int, scale: Scale) -> NDArray[np.int64]:
    """Return the college and branch number of each class that a cohort fills."""
    for colleges, branches in GRIDS:
        capacity = colleges * branches * MAX_CLASS_SIZE * USUAL_FILL
        if regular <= capacity:
            break
    else:
        cohorts = count_cohorts(first_releases(scale.releases))
        message = (
            f"{scale.students} students don't fit into the {cohorts} admission year(s) of "
            f"{scale.releases} releases, which hold at most {int(capacity) * cohorts}. "
            "Ask for fewer students or more releases."
        )
        raise OuSparkError(message)
    grid = [(college, branch) for college in range(colleges) for branch in range(branches)]
    if regular <= MIN_USUAL_CLASS_SIZE * len(grid):
        grid.sort(key=lambda place: (max(place), place))
        grid = grid[: max(1, regular // MIN_USUAL_CLASS_SIZE)]
    return np.array(sorted(grid), dtype=np.int64)


def _draw_class_sizes(total: int, classes: int, source: np.random.Generator) -> NDArray[np.int64]:
    weights = uniform(source, classes) + np.float32(0.5)
    sizes = np.zeros(classes, dtype=np.int64)
    while (left := total - int(sizes.sum())) > 0:
        not_full = sizes < MAX_CLASS_SIZE
        more = np.zeros_like(sizes)
        more[not_full] = _split(left, (weights[not_full] * 1000).astype(np.int64))
        sizes = np.minimum(sizes + more, MAX_CLASS_SIZE)
    return sizes


def _split(total: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whole shares of a total in proportion to weights; they add up to the total."""
    ends = np.cumsum(weights) * total // max(1, int(weights.sum()))
    return np.diff(ends, prepend=0)


@dataclass(slots=True)
class Cohort:
    """The students of one admission year after the latest release.

    `semester` is the last one reached, `took_current` says whether the latest session was a
    student's own and not for backlogs alone, `printed` are the grades of that session's pages.
    """

    number: int
    intake: Intake
    female: NDArray[np.bool_]
    medium: NDArray[np.int8]
    name_bits: NDArray[np.uint64]
    father_bits: NDArray[np.uint64]
    ability: NDArray[np.float32]
    subject: NDArray[np.int16]
    semester: NDArray[np.int8]
    left: NDArray[np.bool_]
    detained: NDArray[np.bool_]
    took_current: NDArray[np.bool_]
    latest: NDArray[np.int8]
    best: NDArray[np.int8]
    attempts: NDArray[np.int8]
    first_release: NDArray[np.int8]
    cleared_release: NDArray[np.int8]
    printed: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.semester)

    @property
    def tickets(self) -> list[str]:
        """The hall tickets in the order of the rows."""
        intake = self.intake
        prefix = {
            (college, branch): f"{COLLEGES[college]}{intake.year % 100:02d}{BRANCHES[branch].code}"
            for college in range(len(COLLEGES))
            for branch in range(len(BRANCHES))
        }
        rows = zip(
            intake.college.tolist(), intake.branch.tolist(), intake.serial.tolist(), strict=True
        )
        return [f"{prefix[college, branch]}{serial:03d}" for college, branch, serial in rows]

    @property
    def appeared(self) -> NDArray[np.bool_]:
        """Which students have a page in at least one release."""
        return np.asarray((self.first_release != NO_RELEASE).any(1))

    @property
    def standing(self) -> NDArray[np.int8]:
        """The effective grades: the best pass, else the grade of the latest attempt."""
        return np.where(self.best != NOT_PASSED, self.best, self.latest)

    def record(self, release: int, grade: NDArray[np.int8], *, is_attempt: bool) -> None:
        """Record the grades of a release; `NEVER_SAT` marks subjects without one."""
        has_grade = grade != NEVER_SAT
        passed = is_pass(grade)
        self.first_release[has_grade & (self.first_release == NO_RELEASE)] = release
        self.cleared_release[passed & (self.best == NOT_PASSED)] = release
        self.best = np.where(passed, np.minimum(self.best, grade), self.best)
        self.latest = np.where(has_grade, grade, self.latest)
        if is_attempt:
            self.attempts += has_grade & (grade != ABSENT)


def admit_cohort(scale: Scale, number: int) -> Cohort:
    """Return a cohort before its first examination."""
    intake = draw_intake(scale, number)
    size = len(intake.serial)
    # The order of the draws determines every value: don't change it.
    source = random_stream(scale.seed, "students", number)
    womens = np.isin(intake.college, [COLLEGES.index(code) for code in WOMENS_COLLEGES])
    female = (uniform(source, size) < SHARE_OF_WOMEN) | womens
    drawn = uniform(source, size)
    medium = (drawn > ENGLISH).astype(np.int8) + (drawn > ENGLISH_OR_TELUGU)
    name_bits, father_bits = (
        np.asarray(source.bit_generator.random_raw(size), dtype=np.uint64) for _ in range(2)
    )
    return Cohort(
        number=number,
        intake=intake,
        female=female,
        medium=medium,
        name_bits=name_bits,
        father_bits=father_bits,
        ability=_draw_abilities(intake, female, source),
        subject=_draw_subjects(intake, source),
        semester=np.where(intake.lateral, FIRST_LATERAL_SEMESTER - 1, 0).astype(np.int8),
        left=np.zeros(size, dtype=np.bool_),
        detained=np.zeros(size, dtype=np.bool_),
        took_current=np.zeros(size, dtype=np.bool_),
        latest=np.full((size, SLOTS), NEVER_SAT, dtype=np.int8),
        best=np.full((size, SLOTS), NOT_PASSED, dtype=np.int8),
        attempts=np.zeros((size, SLOTS), dtype=np.int8),
        first_release=np.full((size, SLOTS), NO_RELEASE, dtype=np.int8),
        cleared_release=np.full((size, SLOTS), NO_RELEASE, dtype=np.int8),
        printed=np.full((size, SLOTS), NEVER_SAT, dtype=np.int8),
    )


def _draw_abilities(
    intake: Intake, female: NDArray[np.bool_], source: np.random.Generator
) -> NDArray[np.float32]:
    """Return by how many marks each student is better than the average.

    Classes differ by up to `CLASS_SPREAD`, and women are better by `LEAD_OF_WOMEN`.
    """
    classes = around_zero(source, len(COLLEGES), len(BRANCHES)) * CLASS_SPREAD
    own = around_zero(source, len(intake.serial)) + around_zero(source, len(intake.serial))
    shared = classes[intake.college, intake.branch] + female * LEAD_OF_WOMEN
    return np.asarray(own * np.float32(ABILITY_SPREAD) + shared, dtype=np.float32)


def _draw_subjects(intake: Intake, source: np.random.Generator) -> NDArray[np.int16]:
    """Return the subject that each student takes in each slot, electives chosen at random."""
    taught = load_curricula()
    counts = taught.option_counts[intake.branch]
    chosen = (uniform(source, *counts.shape) * counts).astype(np.int64)
    chosen = np.minimum(chosen, np.maximum(counts - 1, 0))
    subject = np.take_along_axis(taught.options[intake.branch], chosen[:, :, None], axis=2)[:, :, 0]
    subject[intake.lateral, : (FIRST_LATERAL_SEMESTER - 1) * SLOTS_PER_SEMESTER] = NO_SUBJECT
    return subject


@dataclass(frozen=True, slots=True)
class Progress:
    """Per student and semester: whether it was sat, whether it is finished, and its sums."""

    sat: NDArray[np.bool_]
    finished: NDArray[np.bool_]
    half_credits: NDArray[np.int64]
    earned: NDArray[np.int64]
    weighted: NDArray[np.int64]

    @property
    def sgpa(self) -> NDArray[np.int64]:
        """SGPAs of the finished semesters, in hundredths."""
        return compute_gpa(
            np.where(self.finished, self.weighted, 0), np.where(self.finished, self.half_credits, 0)
        )

    @property
    def cgpa(self) -> NDArray[np.int64]:
        """CGPA of each student over all finished semesters, in hundredths."""
        return compute_gpa((self.weighted * self.finished).sum(1), self.counted_half_credits)

    @property
    def counted_half_credits(self) -> NDArray[np.int64]:
        """Twice the credits of each student's finished semesters."""
        return np.asarray((self.half_credits * self.finished).sum(1))


def compute_progress(cohort: Cohort) -> Progress:
    """Return the state of every semester of every student."""
    standing = cohort.standing
    sat = standing != NEVER_SAT
    halves = np.where(sat, load_curricula().half_credits[cohort.subject], 0).astype(np.int64)
    passed = is_pass(standing)
    points = np.where(passed, POINTS[standing], 0)
    return Progress(
        sat=np.asarray(by_semester(sat).any(2)),
        finished=np.asarray(by_semester(sat).any(2) & by_semester(~sat | passed).all(2)),
        half_credits=by_semester(halves).sum(2),
        earned=by_semester(halves * passed).sum(2),
        weighted=by_semester(halves * points).sum(2),
    )


def by_semester(slots: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return the array with its slot axis split into semesters and slots of a semester."""
    return slots.reshape(len(slots), SEMESTERS, SLOTS_PER_SEMESTER)
