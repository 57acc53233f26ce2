"""What is computed from the clean tables: a model per aggregate.

Columns, ranges and the rules between columns of one row. The computations are in `analytics/`.
"""

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.grades import State, state_expression
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table

STATES = [state.value for state in State]


class Standings(pa.DataFrameModel):
    """A student's effective grade in a subject ever sat."""

    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code()
    semester: pl.Int16 = fields.semester(nullable=True)
    credits: float = fields.credits_("Credits", most=fields.MOST_CREDITS_OF_A_SUBJECT)
    grade: str = pa.Field(description="The grade that counts")
    points: pl.Int16 = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": fields.HIGHEST_GPA},
        description="Its grade points; null while pending",
    )
    state: str = pa.Field(isin=STATES, description="passed, failed, absent or pending")
    attempts: pl.Int16 = fields.count("Main sessions in which the subject was sat")
    first_release: str = fields.release("Release of the first row of the subject")
    cleared_release: str = fields.release("Release that first passed it", nullable=True)

    @pa.dataframe_check(name="state_fits_the_grade")
    @classmethod
    def _state_fits_the_grade(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("state") == state_expression())

    @pa.dataframe_check(name="cleared_when_passed")
    @classmethod
    def _cleared_when_passed(cls, data: pa.PolarsData) -> pl.LazyFrame:
        passed = pl.col("state") == State.PASSED.value
        return data.lazyframe.select(passed == pl.col("cleared_release").is_not_null())

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["hall_ticket", "subject_code"]


class SemesterGpas(pa.DataFrameModel):
    """A student's semester: finished or not, and its SGPA."""

    hall_ticket: str = fields.hall_ticket()
    semester: pl.Int16 = fields.semester()
    credits: float = fields.credits_("Credits of the semester's subjects")
    sgpa: float = fields.gpa("SGPA; null until the semester is finished")
    sgpa_printed: float = fields.gpa("SGPA of the latest page that prints one")
    state: str = pa.Field(
        isin=["finished", "open", "pending"],
        description="finished; open (something failed or absent); pending (something undecided)",
    )

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["hall_ticket", "semester"]


class StudentCgpas(pa.DataFrameModel):
    """A student's CGPA over all finished semesters, and what stands in its way."""

    hall_ticket: str = fields.hall_ticket(unique=True)
    cgpa: float = fields.gpa("CGPA over finished semesters; null without one")
    credits_counted: float = fields.credits_("Credits the CGPA counts")
    semesters_finished: pl.Int16 = fields.count("Finished semesters")
    open_subjects: pl.Int16 = fields.count("Subjects failed or absent")
    pending_subjects: pl.Int16 = fields.count("Subjects not decided yet")
    incomplete: bool = pa.Field(description="History is missing: not a clean record")
    incomplete_because: str = pa.Field(nullable=True, description="What is missing")

    @pa.dataframe_check(name="incomplete_says_why")
    @classmethod
    def _incomplete_says_why(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            pl.col("incomplete") == pl.col("incomplete_because").is_not_null()
        )

    class Config:
        """Whole-table rules."""

        strict = True


STANDINGS = Table("analytics", "standings", Standings, ("hall_ticket", "subject_code"))
SEMESTER_GPAS = Table("analytics", "semester_gpas", SemesterGpas, ("hall_ticket", "semester"))
STUDENT_CGPAS = Table("analytics", "student_cgpas", StudentCgpas, ("hall_ticket",))
