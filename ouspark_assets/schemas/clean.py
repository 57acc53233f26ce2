"""What pages said, cleaned: appearances, results, marks, students, and what could not be accepted.

Columns and the rules between columns of one row. References between tables are checked in
`checks.py`.
"""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.grades import points_expression
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table

SHA256_PATTERN = r"^[0-9a-f]{64}$"
PROVENANCE = ("sha256",)


def _page_hash() -> str:
    field: str = pa.Field(str_matches=SHA256_PATTERN, description="SHA-256 of the page")
    return field


class Appearances(pa.DataFrameModel):
    """A student's personal details as one page printed them."""

    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket()
    name: str = fields.text(
        "Name, case as printed", least=1, most=fields.LONGEST_NAME, pattern=fields.WITH_A_LETTER
    )
    father_name: str = fields.text(
        "Father's name, case as printed",
        most=fields.LONGEST_NAME,
        nullable=True,
        pattern=fields.WITH_A_LETTER,
    )
    gender: str = fields.text(
        "MALE, FEMALE or as printed", nullable=True, pattern=fields.FROM_A_LETTER
    )
    course: str = fields.text(
        "Course, one spelling for each known one", nullable=True, pattern=fields.FROM_A_LETTER
    )
    medium: str = fields.text("Medium of instruction", nullable=True, pattern=fields.FROM_A_LETTER)
    sha256: str = _page_hash()

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["release", "hall_ticket"]


class Students(pa.DataFrameModel):
    """A student: the latest appearance in release order."""

    hall_ticket: str = fields.hall_ticket(unique=True)
    name: str = fields.text(
        "Name, case as printed", least=1, most=fields.LONGEST_NAME, pattern=fields.WITH_A_LETTER
    )
    father_name: str = fields.text(
        "Father's name, case as printed",
        most=fields.LONGEST_NAME,
        nullable=True,
        pattern=fields.WITH_A_LETTER,
    )
    gender: str = fields.text(
        "MALE, FEMALE or as printed", nullable=True, pattern=fields.FROM_A_LETTER
    )
    course: str = fields.text(
        "Course, one spelling for each known one", nullable=True, pattern=fields.FROM_A_LETTER
    )
    medium: str = fields.text("Medium of instruction", nullable=True, pattern=fields.FROM_A_LETTER)
    sha256: str = _page_hash()
    college_code: str = fields.college_code()
    branch_code: str = fields.branch_code()
    admission_year: pl.Int16 = fields.admission_year()
    serial: pl.Int16 = pa.Field(
        in_range={"min_value": 0, "max_value": 999}, description="Serial within the class"
    )
    lateral_entry: bool = pa.Field(description="Joined in the second year (serials from 301)")
    last_release: str = fields.release("Latest release the student appears in")

    class Config:
        """Whole-table rules."""

        strict = True


class Results(pa.DataFrameModel):
    """A semester line of a page."""

    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket()
    semester: pl.Int16 = fields.semester()
    status: str = fields.text("Status as printed", least=1, pattern=fields.FROM_A_LETTER)
    sgpa_printed: float = fields.gpa("SGPA the page prints; null when it prints none")
    cgpa_printed: float = fields.gpa("CGPA the page prints; null when it prints none")
    sha256: str = _page_hash()

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["release", "hall_ticket", "semester"]


class Marks(pa.DataFrameModel):
    """A subject row of a page: one attempt."""

    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code()
    subject_name: str = fields.text(
        "Name as this page spells it", most=fields.LONGEST_SUBJECT_NAME, nullable=True
    )
    semester: pl.Int16 = fields.semester(nullable=True)
    credits: float = fields.credits_(
        "Credits of the subject; 0 for '='", most=fields.MOST_CREDITS_OF_A_SUBJECT
    )
    grade: str = fields.text(
        "S A B C D E F Ab; anything else as printed, '' when blank", pattern=fields.WITHOUT_DIGITS
    )
    points: pl.Int16 = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": fields.HIGHEST_GPA},
        description="Grade points; null while the grade is pending",
    )
    points_derived: bool = pa.Field(description="Points taken from the grade, not printed")
    sha256: str = _page_hash()

    @pa.dataframe_check(name="points_fit_the_grade")
    @classmethod
    def _points_fit_the_grade(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("points").eq_missing(points_expression()))

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["release", "hall_ticket", "subject_code"]


class Quarantine(pa.DataFrameModel):
    """Something a page said that could not be accepted, with the raw input and every reason."""

    id: pl.Int64 = pa.Field(unique=True, description="Number of the record")
    release: str = fields.release()
    hall_ticket: str = fields.hall_ticket("Ticket the page was asked for")
    table_name: str = pa.Field(
        isin=["pages", "appearances", "results", "marks"], description="Table it was meant for"
    )
    reasons: Annotated[pl.List, pl.String()] = pa.Field(description="Every reason, not just one")
    raw: str = pa.Field(description="The raw input (JSON)")
    first_seen_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(description="First seen")
    run_id: str = pa.Field(description="Run that found it")
    status: str = pa.Field(isin=["open", "resolved", "discarded"], description="What became of it")
    resolved_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        nullable=True, description="When it was resolved or discarded"
    )

    class Config:
        """Whole-table rules."""

        strict = True


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
QUARANTINE = Table("clean", "quarantine", Quarantine, ("id",), published=False)
