"""The students of one admission year, and what each has reached in every subject so far.

Arrays with a row per student and a column per place in the timetable. Who sits what, and how it
ends, is `examination.py` and `revaluation.py`.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ouspark_assets.standin.cohorts import (
    COLLEGES,
    FIRST_LATERAL_SEMESTER,
    WOMENS_COLLEGES,
    Intake,
    Scale,
    intake_of,
)
from ouspark_assets.standin.curriculum import (
    BRANCHES,
    NO_SUBJECT,
    SEMESTERS,
    SLOTS,
    SLOTS_OF_A_SEMESTER,
    curricula,
)
from ouspark_assets.standin.grading import (
    ABSENT,
    NEVER_SAT,
    NOT_PASSED,
    POINTS,
    hundredths,
    is_pass,
)
from ouspark_assets.standin.randomness import around_zero, stream, uniform

GENDERS: Final = ("MALE", "FEMALE")
MEDIA: Final = ("ENGLISH", "TELUGU", "URDU")
ABILITY_SPREAD: Final = 20
CLASS_SPREAD, LEAD_OF_WOMEN = np.float32(4), np.float32(3)
WOMEN: Final = 0.42
ENGLISH, ENGLISH_OR_TELUGU = 0.97, 0.99
NO_RELEASE: Final = -1
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(slots=True)
class Cohort:
    """A cohort as far as the releases so far have brought it.

    `semester` is the last one reached, `took_current` whether the latest session was of it, and
    `printed` the grades of that session's page.
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
        """The hall tickets, in the order of the rows."""
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

    def standing(self) -> NDArray[np.int8]:
        """The grade that counts: the best pass ever, else the latest attempt's."""
        return np.where(self.best != NOT_PASSED, self.best, self.latest)

    def record(self, release: int, grade: NDArray[np.int8], *, attempt: bool) -> None:
        """Take the grades of a release in; `NEVER_SAT` where there is none."""
        rows = grade != NEVER_SAT
        passed = is_pass(grade)
        self.first_release[rows & (self.first_release == NO_RELEASE)] = release
        self.cleared_release[passed & (self.best == NOT_PASSED)] = release
        self.best = np.where(passed, np.minimum(self.best, grade), self.best)
        self.latest = np.where(rows, grade, self.latest)
        if attempt:
            self.attempts += rows & (grade != ABSENT)


def admit(scale: Scale, number: int) -> Cohort:
    """A cohort before its first examination."""
    intake = intake_of(scale, number)
    size = len(intake.serial)
    source = stream(scale.seed, "students", number)
    female = _females(intake, source)
    raw = source.bit_generator.random_raw
    return Cohort(
        number=number,
        intake=intake,
        female=female,
        medium=_media(size, source),
        name_bits=np.asarray(raw(size), dtype=np.uint64),
        father_bits=np.asarray(raw(size), dtype=np.uint64),
        ability=_abilities(intake, female, source),
        subject=_timetables(intake, source),
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


@dataclass(frozen=True, slots=True)
class Progress:
    """Per student and semester: whether it was sat, whether it is clear, and its sums."""

    sat: NDArray[np.bool_]
    clear: NDArray[np.bool_]
    half_credits: NDArray[np.int64]
    earned: NDArray[np.int64]
    weighted: NDArray[np.int64]

    def sgpa(self) -> NDArray[np.int64]:
        """SGPA in hundredths of the finished semesters."""
        finished = np.where(self.clear, self.half_credits, 0)
        return hundredths(np.where(self.clear, self.weighted, 0), finished)

    def cgpa(self) -> NDArray[np.int64]:
        """CGPA in hundredths over all finished semesters of each student."""
        return hundredths((self.weighted * self.clear).sum(1), self.counted())

    def counted(self) -> NDArray[np.int64]:
        """Twice the credits of the finished semesters of each student."""
        return np.asarray((self.half_credits * self.clear).sum(1))


def progress_of(cohort: Cohort) -> Progress:
    """Where the semesters of every student stand."""
    standing = cohort.standing()
    sat = standing != NEVER_SAT
    halves = np.where(sat, curricula().half_credits[cohort.subject], 0).astype(np.int64)
    passed = is_pass(standing)
    points = np.where(passed, POINTS[standing], 0)
    return Progress(
        sat=np.asarray(by_semester(sat).any(2)),
        clear=np.asarray(by_semester(sat).any(2) & by_semester(~sat | passed).all(2)),
        half_credits=by_semester(halves).sum(2),
        earned=by_semester(halves * passed).sum(2),
        weighted=by_semester(halves * points).sum(2),
    )


def by_semester(places: NDArray[Scalar]) -> NDArray[Scalar]:
    """The columns of a student's row apart by semester."""
    return places.reshape(len(places), SEMESTERS, SLOTS_OF_A_SEMESTER)


def _females(intake: Intake, source: np.random.Generator) -> NDArray[np.bool_]:
    womens = [COLLEGES.index(code) for code in WOMENS_COLLEGES]
    return (uniform(source, len(intake.serial)) < WOMEN) | np.isin(intake.college, womens)


def _media(size: int, source: np.random.Generator) -> NDArray[np.int8]:
    drawn = uniform(source, size)
    return (drawn > ENGLISH).astype(np.int8) + (drawn > ENGLISH_OR_TELUGU)


def _abilities(
    intake: Intake, female: NDArray[np.bool_], source: np.random.Generator
) -> NDArray[np.float32]:
    """Marks by which a student is better than the average; classes differ, and women do better."""
    classes = around_zero(source, len(COLLEGES), len(BRANCHES)) * CLASS_SPREAD
    own = around_zero(source, len(intake.serial)) + around_zero(source, len(intake.serial))
    shared = classes[intake.college, intake.branch] + female * LEAD_OF_WOMEN
    return np.asarray(own * np.float32(ABILITY_SPREAD) + shared, dtype=np.float32)


def _timetables(intake: Intake, source: np.random.Generator) -> NDArray[np.int16]:
    taught = curricula()
    counts = taught.option_counts[intake.branch]
    chosen = (uniform(source, *counts.shape) * counts).astype(np.int64)
    chosen = np.minimum(chosen, np.maximum(counts - 1, 0))
    subject = np.take_along_axis(taught.options[intake.branch], chosen[:, :, None], axis=2)[:, :, 0]
    subject[intake.lateral, : (FIRST_LATERAL_SEMESTER - 1) * SLOTS_OF_A_SEMESTER] = NO_SUBJECT
    return subject
