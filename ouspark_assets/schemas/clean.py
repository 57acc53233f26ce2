"""Schemas of what result pages say: appearances, results, marks, students, no_results, quarantine.

Columns and rules within a row belong here. References between tables are checked in
`orchestration/checks/`.
"""

from typing import Annotated, Any

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.grades import points_expression
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table

SHA256_PATTERN = r"^[0-9a-f]{64}$"
PROVENANCE = ("sha256",)


def _page_hash() -> Any:
    return pa.Field(
        str_matches=SHA256_PATTERN, description="SHA-256 of the page that the row was read from."
    )


class _PersonalDetails(fields.TableModel):
    """The personal details that a page prints."""

    name: str = fields.text(
        "Name of the student, in the case that the page prints.",
        min_length=1,
        max_length=fields.MAX_NAME_LENGTH,
        pattern=fields.WITH_A_LETTER,
    )
    father_name: str = fields.text(
        "Name of the student's father, in the case that the page prints.",
        max_length=fields.MAX_NAME_LENGTH,
        nullable=True,
        pattern=fields.WITH_A_LETTER,
    )
    gender: str = fields.text(
        "MALE or FEMALE; any other value as printed.", nullable=True, pattern=fields.FROM_A_LETTER
    )
    course: str = fields.text(
        "Course, with one spelling for each known course.",
        nullable=True,
        pattern=fields.FROM_A_LETTER,
    )
    medium: str = fields.text("Medium of instruction.", nullable=True, pattern=fields.FROM_A_LETTER)
    sha256: str = _page_hash()


class _PageKey(fields.TableModel):
    """The key of a page: the release and the hall ticket."""

    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket()


class Appearances(_PersonalDetails, _PageKey):
    """One row per result page: a student's personal details as the page prints them."""


class _StudentKey(fields.TableModel):
    """The key of a student."""

    hall_ticket: str = fields.hall_ticket(unique=True)


class _TicketParts(fields.TableModel):
    """The parts of a student's hall ticket, and the release that the details come from."""

    college_code: str = fields.college_code()
    branch_code: str = fields.branch_code()
    admission_year: pl.Int16 = fields.admission_year()
    serial: pl.Int16 = pa.Field(
        in_range={"min_value": 0, "max_value": 999}, description="Serial within the class."
    )
    lateral_entry: bool = pa.Field(
        description="Whether the student joined in the second year (serials from 301)."
    )
    last_release: str = fields.release("Latest release that has a page of the student.")


class Students(_TicketParts, _PersonalDetails, _StudentKey):
    """One row per student: the personal details of the student's latest page in release order."""


class Results(fields.TableModel):
    """One row per semester line of a result page: status, SGPA and CGPA as printed."""

    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket()
    semester: pl.Int16 = fields.semester()
    status: str = fields.text("Status as printed.", min_length=1, pattern=fields.FROM_A_LETTER)
    sgpa_printed: float = fields.gpa("SGPA that the page prints; null if it prints none.")
    cgpa_printed: float = fields.gpa("CGPA that the page prints; null if it prints none.")
    sha256: str = _page_hash()


class Marks(fields.TableModel):
    """One row per attempt: a marks row of a result page."""

    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code()
    subject_name: str = fields.text(
        "Name of the subject as this page spells it.",
        max_length=fields.MAX_SUBJECT_NAME_LENGTH,
        nullable=True,
    )
    semester: pl.Int16 = fields.semester(
        "Semester of the subject, 1 to 8; null if unknown.", nullable=True
    )
    credits: float = fields.credits_(
        "Credits of the subject; 0 where the page prints '='.", maximum=fields.MAX_SUBJECT_CREDITS
    )
    grade: str = fields.text(
        "Grade: S, A, B, C, D, E, F or Ab; any other text as printed; '' if blank.",
        pattern=fields.WITHOUT_DIGITS,
    )
    points: pl.Int16 = fields.points("Grade points; null while the grade is pending.")
    points_derived: bool = pa.Field(
        description="Whether the points were derived from the grade because none were printed."
    )
    sha256: str = _page_hash()

    _points_fit_the_grade = fields.row_rule(
        "points_fit_the_grade", pl.col("points").eq_missing(points_expression())
    )


class NoResults(fields.TableModel):
    """One row per hall ticket that the site answers with a sentence instead of a result."""

    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket()
    sentence: str = fields.text(
        "What the page says instead, e.g. that the fee was not paid.",
        min_length=1,
        max_length=fields.MAX_SENTENCE_LENGTH,
        pattern=fields.WITH_A_LETTER,
    )
    asked_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        description="When the site gave this answer; not updated while it repeats the sentence."
    )
    sha256: str = _page_hash()


class Quarantine(fields.TableModel):
    """One row per record that was not accepted, with the raw input and every reason."""

    id: pl.Int64 = pa.Field(unique=True, description="Number of the quarantined record.")
    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket("Hall ticket that the page was requested for.")
    table_name: str = pa.Field(
        isin=["pages", "appearances", "results", "marks"],
        description="Table that the record was meant for.",
    )
    reasons: Annotated[pl.List, pl.String()] = pa.Field(
        description="Every reason why the record was not accepted."
    )
    raw: str = pa.Field(description="Raw input of the record (JSON).")
    first_seen_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        description="When a load first rejected the record."
    )
    run_id: str = pa.Field(description="Run that rejected the record.")
    status: str = pa.Field(
        isin=["open", "resolved", "discarded"],
        description="Whether the record is open, resolved or discarded.",
    )
    resolved_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        nullable=True, description="When the record was resolved or discarded."
    )


APPEARANCES = Table(
    "clean", "appearances", Appearances, ("release", "hall_ticket"),
    provenance=PROVENANCE, private=("father_name",),
)  # fmt: skip
STUDENTS = Table(
    "clean", "students", Students, ("hall_ticket",),
    provenance=PROVENANCE, private=("father_name",),
)  # fmt: skip
RESULTS = Table(
    "clean", "results", Results, ("release", "hall_ticket", "semester"), provenance=PROVENANCE
)
MARKS = Table(
    "clean", "marks", Marks, ("release", "hall_ticket", "subject_code"), provenance=PROVENANCE
)
NO_RESULTS = Table(
    "clean", "no_results", NoResults, ("release", "hall_ticket"),
    provenance=("asked_at", *PROVENANCE),
)  # fmt: skip
QUARANTINE = Table("clean", "quarantine", Quarantine, ("id",), published=False)
