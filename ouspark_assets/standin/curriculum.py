"""The curriculum: subjects, and which of them each branch offers in each slot of a semester.

Read from `data/subjects.csv`. A code that ends in `*` takes the letter of the branch. Rows with the
same slot are electives to choose from; the choices of the students are in `cohorts.py`. New schemes
change the codes of a few subjects: the students and slots keep the number of the first code, and
the pages print the number of the code of their session.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEMESTERS: Final = 8
SLOTS_PER_SEMESTER: Final = 10
SLOTS: Final = SEMESTERS * SLOTS_PER_SEMESTER
MAX_OPTIONS: Final = 4
NO_SUBJECT: Final = -1
SEMESTER_NUMBERS: Final = np.arange(1, SEMESTERS + 1)
SUBJECTS_FILE: Final = Path(__file__).with_name("data") / "subjects.csv"


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch: its code, the groups of its subjects, and the letter in its own subject codes."""

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


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject; `later_name` is its spelling on later pages, `ease` its bonus in marks."""

    code: str
    name: str
    later_name: str
    half_credits: int
    ease: int

    @property
    def semester(self) -> int | None:
        """The first digit of the code; None if the code does not begin with one."""
        return int(self.code[0]) if self.code[0].isdecimal() else None


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A code that a new scheme replaces, in all pages of a session and of later ones."""

    old: str
    new: str
    scheme: str
    session: int


# In order. One new code is numeric, and one subject changes twice.
CODE_CHANGES: Final = (
    CodeChange("101", "BS101MT", "AICTE", 1),
    CodeChange("201", "251", "CBCS 2023", 2),
    CodeChange("251", "BS251MT", "AICTE", 3),
)


@dataclass(frozen=True, slots=True)
class Curricula:
    """All subjects, and the numbers of those offered per branch and slot.

    The subjects with a changed code follow all others and are offered in no slot.
    """

    subjects: tuple[Subject, ...]
    options: NDArray[np.int16]
    option_counts: NDArray[np.int16]

    @property
    def half_credits(self) -> NDArray[np.int16]:
        """Twice the credits of every subject, so that 1.5 credits are a whole number."""
        return np.array([subject.half_credits for subject in self.subjects], dtype=np.int16)

    @property
    def ease(self) -> NDArray[np.float32]:
        """By how many marks each subject is easier than the average."""
        return np.array([subject.ease for subject in self.subjects], dtype=np.float32)

    def printed_numbers(self, changes: Sequence[CodeChange]) -> NDArray[np.int16]:
        """Return, for the number of every subject, the one with its code after these changes."""
        numbers = {subject.code: number for number, subject in enumerate(self.subjects)}
        printed = np.arange(len(self.subjects), dtype=np.int16)
        for change in changes:
            printed[printed == numbers[change.old]] = numbers[change.new]
        return printed


@cache
def load_curricula() -> Curricula:
    """Return the curricula of all branches."""
    with SUBJECTS_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    numbers: dict[str, int] = {}
    subjects: list[Subject] = []
    options = np.full((len(BRANCHES), SLOTS, MAX_OPTIONS), NO_SUBJECT, dtype=np.int16)
    for index, branch in enumerate(BRANCHES):
        used: defaultdict[int, int] = defaultdict(int)
        for offered in _group_by_slot(rows, branch):
            semester = int(offered[0].code[0])
            slot = (semester - 1) * SLOTS_PER_SEMESTER + used[semester]
            used[semester] += 1
            for option, subject in enumerate(offered):
                if subject.code not in numbers:
                    numbers[subject.code] = len(subjects)
                    subjects.append(subject)
                options[index, slot, option] = numbers[subject.code]
    for change in CODE_CHANGES:
        numbers[change.new] = len(subjects)
        subjects.append(replace(subjects[numbers[change.old]], code=change.new))
    counts = (options != NO_SUBJECT).sum(axis=2).astype(np.int16)
    return Curricula(tuple(subjects), options, counts)


def changes_until(session: int) -> list[CodeChange]:
    """Return the changes of codes up to a session, in order."""
    return [change for change in CODE_CHANGES if change.session <= session]


def _group_by_slot(rows: Sequence[dict[str, str]], branch: Branch) -> list[list[Subject]]:
    """Return the subjects of a branch grouped by slot, ordered by the first code of each group."""
    slots: defaultdict[tuple[int, str], list[Subject]] = defaultdict(list)
    for row in rows:
        if row["family"] not in (branch.first_year, "every branch", branch.family):
            continue
        printed = row["credits"]
        subject = Subject(
            code=row["code"].replace("*", branch.letter),
            name=row["name"],
            later_name=row["later_name"] or row["name"],
            half_credits=0 if printed == "=" else round(float(printed) * 2),
            ease=int(row["ease"]),
        )
        slot = subject.code if row["slot"] == "-" else row["slot"]
        slots[int(subject.code[0]), slot].append(subject)
    return sorted(slots.values(), key=lambda offered: offered[0].code)
