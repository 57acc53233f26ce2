"""The data of an explanation: the stored rows that go in, and the values that come out.

The field names of the results are the JSON keys of `ouspark explain --json`.
"""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from ouspark_assets.schemas.clean import NO_RESULTS


@dataclass(frozen=True)
class StudentRecords:
    """The stored rows of one student in every table, and the reference tables they refer to."""

    students: pl.DataFrame
    marks: pl.DataFrame
    results: pl.DataFrame
    standings: pl.DataFrame
    semester_gpas: pl.DataFrame
    student_cgpas: pl.DataFrame
    student_credits: pl.DataFrame
    student_rankings: pl.DataFrame
    backlogs: pl.DataFrame
    revaluation_impact: pl.DataFrame
    quarantine: pl.DataFrame
    release_index: pl.DataFrame
    subjects: pl.DataFrame
    colleges: pl.DataFrame
    branches: pl.DataFrame
    no_results: pl.DataFrame = field(default_factory=NO_RESULTS.empty)


@dataclass(frozen=True)
class StudentDetails:
    """The student as printed on the latest page."""

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
    """A marks row of a release; `counts` if the standing is taken from it.

    `code` is the subject code that the page prints, which may be older than the subject's.
    """

    code: str
    release: str
    session: str
    kind: str
    grade: str
    points: int | None
    counts: bool


@dataclass(frozen=True)
class Subject:
    """A subject: attempts in release order, the stored standing, and the rule that selected it.

    `code` is the newest code of the subject; attempts under `older_codes` count as it.
    """

    code: str
    older_codes: tuple[str, ...]
    name: str | None
    semester: int | None
    credits: float
    attempts: tuple[Attempt, ...]
    grade: str
    points: int | None
    state: str
    sittings: int
    rule: str
    # The grade that follows from the attempts, if it differs from the stored one.
    derived_grade: str | None


@dataclass(frozen=True)
class WeightedSum:
    """Σ credits × points, Σ credits, and the average that follows from them."""

    weighted: float
    credits: float
    value: float | None


@dataclass(frozen=True)
class Semester:
    """A semester: its state with the reason, and its SGPA with the sum behind it."""

    number: int
    state: str
    because: str
    sgpa: float | None
    sum: WeightedSum
    sgpa_printed: float | None
    status_printed: str | None
    difference: float | None


@dataclass(frozen=True)
class Cgpa:
    """The CGPA with the sum behind it, and the reasons why the record is incomplete."""

    value: float | None
    sum: WeightedSum | None
    semesters: tuple[int, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Credits:
    """Credits by state, and the requirement of the next year boundary."""

    attempted: float
    earned: float
    open: float
    pending: float
    boundary: str | None
    boundary_rule: str | None
    met: bool | None


@dataclass(frozen=True)
class Rank:
    """The rank in a scope, or the reason why there is none."""

    scope: str
    value: float | None
    rank: int | None
    out_of: int
    percentile: float | None
    unranked_because: str | None


@dataclass(frozen=True)
class Backlog:
    """An open subject and the release since which it is open."""

    code: str
    name: str | None
    semester: int | None
    credits: float
    since_release: str
    sittings: int
    state: str


@dataclass(frozen=True)
class Revaluation:
    """The grade and averages of a subject before and after a revaluation."""

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
class QuarantineEntry:
    """A record that was not accepted, with the reasons."""

    id: int
    release: str
    table_name: str
    reasons: tuple[str, ...]
    first_seen_at: datetime


@dataclass(frozen=True)
class NoResult:
    """A release in which the site says something else instead of a result."""

    release: str
    sentence: str
    asked_at: datetime


@dataclass(frozen=True)
class Explanation:
    """Everything that is stored about a student, each number with its derivation."""

    details: StudentDetails
    subjects: tuple[Subject, ...]
    semesters: tuple[Semester, ...]
    cgpa: Cgpa | None
    credits: Credits | None
    ranks: tuple[Rank, ...]
    backlogs: tuple[Backlog, ...]
    revaluations: tuple[Revaluation, ...]
    quarantine: tuple[QuarantineEntry, ...]
    no_results: tuple[NoResult, ...] = ()
