"""The parts of a student's story, as plain values; what they say is decided in `telling.py`."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Details:
    """Who the student is, from the latest appearance."""

    hall_ticket: str
    name: str
    gender: str | None
    course: str | None
    medium: str | None
    college: str
    branch: str
    admission_year: int
    serial: int
    lateral_entry: bool
    last_release: str


@dataclass(frozen=True)
class Attempt:
    """A subject row of a page; `counts` when the standing is taken from it."""

    release: str
    session: str
    kind: str
    grade: str
    points: int | None
    counts: bool


@dataclass(frozen=True)
class Subject:
    """A subject with its attempts in release order, the stored standing, and why it is that."""

    code: str
    name: str | None
    semester: int | None
    credits: float
    attempts: tuple[Attempt, ...]
    grade: str
    points: int | None
    state: str
    sittings: int
    rule: str
    # What the attempts give when that is not what is stored.
    derived_grade: str | None


@dataclass(frozen=True)
class Sum:
    """Credits × points over credits, and the value that they give."""

    weighted: float
    credits: float
    value: float | None


@dataclass(frozen=True)
class Semester:
    """A semester: finished, or what stands in the way; its SGPA with the sum behind it."""

    number: int
    state: str
    because: str
    sgpa: float | None
    sum: Sum
    sgpa_printed: float | None
    status_printed: str | None
    difference: float | None


@dataclass(frozen=True)
class Cgpa:
    """The CGPA with the sum behind it, and what is missing of the record."""

    value: float | None
    sum: Sum | None
    semesters: tuple[int, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Credits:
    """Credits by what became of them, and the year boundary that comes next."""

    attempted: float
    earned: float
    open: float
    pending: float
    boundary: str | None
    boundary_rule: str | None
    met: bool | None


@dataclass(frozen=True)
class Rank:
    """A rank in a scope, or why there is none."""

    scope: str
    value: float | None
    rank: int | None
    out_of: int
    percentile: float | None
    unranked_because: str | None


@dataclass(frozen=True)
class Backlog:
    """An open subject, and since when it is."""

    code: str
    name: str | None
    semester: int | None
    credits: float
    since_release: str
    sittings: int
    state: str


@dataclass(frozen=True)
class Revaluation:
    """What a revaluation page made of a subject."""

    release: str
    revises: str | None
    code: str
    grade_before: str | None
    grade_after: str
    outcome: str
    sgpa_before: float | None
    sgpa_after: float | None
    cgpa_before: float | None
    cgpa_after: float | None


@dataclass(frozen=True)
class InQuarantine:
    """A record that could not be accepted."""

    id: int
    release: str
    table_name: str
    reasons: tuple[str, ...]
    first_seen_at: datetime


@dataclass(frozen=True)
class Story:
    """Everything that is known of a student, each number with what made it."""

    details: Details
    subjects: tuple[Subject, ...]
    semesters: tuple[Semester, ...]
    cgpa: Cgpa | None
    credits: Credits | None
    ranks: tuple[Rank, ...]
    backlogs: tuple[Backlog, ...]
    revaluations: tuple[Revaluation, ...]
    quarantine: tuple[InQuarantine, ...]
