"""What is taught: subjects, and which of them a branch offers in each place of its timetable.

Read from `data/subjects.csv`: a code ending in `*` takes the letter of the branch, rows of one
slot are the electives to choose from. Who chose what is `cohort.py`.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEMESTERS: Final = 8
SLOTS_OF_A_SEMESTER: Final = 10
SLOTS: Final = SEMESTERS * SLOTS_OF_A_SEMESTER
MOST_OPTIONS: Final = 4
NO_SUBJECT: Final = -1
SUBJECTS_FILE: Final = Path(__file__).with_name("data") / "subjects.csv"


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch: its code, where its subjects come from, and the letter of its own ones."""

    code: str
    first_year: str
    family: str
    letter: str


BRANCHES: Final = (
    Branch("733", "physics first", "computing", ""),
    Branch("737", "physics first", "computing", "I"),
    Branch("735", "chemistry first", "electronics", ""),
    Branch("748", "physics first", "computing", "M"),
    Branch("732", "chemistry first", "civil", ""),
    Branch("734", "chemistry first", "electrical", ""),
    Branch("750", "physics first", "computing", "S"),
    Branch("736", "chemistry first", "mechanical", ""),
    Branch("747", "physics first", "computing", "D"),
    Branch("749", "physics first", "computing", "T"),
    Branch("740", "physics first", "computing", "C"),
    Branch("754", "physics first", "computing", "N"),
    Branch("739", "physics first", "computing", "G"),
    Branch("738", "chemistry first", "mechanical", "P"),
    Branch("729", "physics first", "computing", "K"),
    Branch("771", "physics first", "computing", "L"),
    Branch("802", "chemistry first", "process", ""),
    Branch("805", "chemistry first", "process", "B"),
)
MAIN_BRANCHES: Final = 10
BRANCH_INDEX: Final = {branch.code: index for index, branch in enumerate(BRANCHES)}


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject under its code; `later_name` is how later pages spell it."""

    code: str
    name: str
    later_name: str
    half_credits: int
    ease: int

    @property
    def semester(self) -> int:
        """The first digit of the code."""
        return int(self.code[0])


@dataclass(frozen=True, slots=True)
class Curricula:
    """All subjects, and per branch and slot the numbers of those that can be taken there."""

    subjects: tuple[Subject, ...]
    options: NDArray[np.int16]
    option_counts: NDArray[np.int16]

    @property
    def half_credits(self) -> NDArray[np.int16]:
        """Twice the credits of every subject, so that 1.5 stays a whole number."""
        return np.array([subject.half_credits for subject in self.subjects], dtype=np.int16)

    @property
    def ease(self) -> NDArray[np.float32]:
        """By how many marks a subject is easier than the average."""
        return np.array([subject.ease for subject in self.subjects], dtype=np.float32)


@cache
def curricula() -> Curricula:
    """The curricula of all branches, read once."""
    numbers: dict[str, int] = {}
    subjects: list[Subject] = []
    options = np.full((len(BRANCHES), SLOTS, MOST_OPTIONS), NO_SUBJECT, dtype=np.int16)
    for place, branch in enumerate(BRANCHES):
        for slot, taken in _numbered(_subjects_of(branch)):
            for option, subject in enumerate(taken):
                if subject.code not in numbers:
                    numbers[subject.code] = len(subjects)
                    subjects.append(subject)
                options[place, slot, option] = numbers[subject.code]
    counts = (options != NO_SUBJECT).sum(axis=2).astype(np.int16)
    return Curricula(tuple(subjects), options, counts)


def _numbered(
    places: dict[tuple[int, str], list[Subject]],
) -> list[tuple[int, list[Subject]]]:
    """The number of each place in the timetable, ten to a semester, with what it offers."""
    used: defaultdict[int, int] = defaultdict(int)
    numbered = []
    for (semester, _), taken in sorted(places.items(), key=lambda place: place[1][0].code):
        numbered.append(((semester - 1) * SLOTS_OF_A_SEMESTER + used[semester], taken))
        used[semester] += 1
    return numbered


def _subjects_of(branch: Branch) -> dict[tuple[int, str], list[Subject]]:
    places: defaultdict[tuple[int, str], list[Subject]] = defaultdict(list)
    for row in _rows():
        if row["family"] not in (branch.first_year, "every branch", branch.family):
            continue
        subject = _subject(row, branch.letter)
        slot = subject.code if row["slot"] == "-" else row["slot"]
        places[subject.semester, slot].append(subject)
    return places


def _subject(row: dict[str, str], letter: str) -> Subject:
    printed = row["credits"]
    return Subject(
        code=row["code"].replace("*", letter),
        name=row["name"],
        later_name=row["later_name"] or row["name"],
        half_credits=0 if printed == "=" else round(float(printed) * 2),
        ease=int(row["ease"]),
    )


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with SUBJECTS_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file, delimiter=";"))
