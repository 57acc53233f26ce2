"""What is computed per student: standings, GPAs, credits, ranks, backlogs, revaluation.

Columns, ranges and the rules between columns of one row. The computations are in `analytics/`.
"""

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.grades import OPEN_STATES, State, state_expression
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table

STATES = [state.value for state in State]
SCOPES = ("class", "college", "branch", "university")
BOUNDARIES = ("II→III", "IV→V", "VI→VII")
REQUIREMENTS = ("earned at least", "backlog at most")
OUTCOMES = ("raised", "unchanged", "decided", "undecided")


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

    @pa.dataframe_check(name="sgpa_of_finished_semesters_only")
    @classmethod
    def _sgpa_of_finished_semesters_only(cls, data: pa.PolarsData) -> pl.LazyFrame:
        finished = (pl.col("state") == "finished") & (pl.col("credits") > 0)
        return data.lazyframe.select(finished == pl.col("sgpa").is_not_null())

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
    passed_subjects: pl.Int16 = fields.count("Subjects passed")
    open_subjects: pl.Int16 = fields.count("Subjects failed or absent")
    pending_subjects: pl.Int16 = fields.count("Subjects not decided yet")
    incomplete: bool = pa.Field(description="History is missing: not a clean record")
    incomplete_because: str = pa.Field(nullable=True, description="What is missing")
    percentage: float = fields.percent("CGPA as percentage, if a formula is set")
    award: str = pa.Field(nullable=True, description="Class award at the end, if limits are set")

    @pa.dataframe_check(name="incomplete_says_why")
    @classmethod
    def _incomplete_says_why(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            pl.col("incomplete") == pl.col("incomplete_because").is_not_null()
        )

    @pa.dataframe_check(name="cgpa_counts_credits")
    @classmethod
    def _cgpa_counts_credits(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            pl.col("cgpa").is_not_null() == (pl.col("credits_counted") > 0)
        )

    class Config:
        """Whole-table rules."""

        strict = True


class StudentCredits(pa.DataFrameModel):
    """A student's credits, and what the next year boundary of the university asks for."""

    hall_ticket: str = fields.hall_ticket(unique=True)
    attempted: float = fields.credits_("Credits of all subjects ever sat")
    earned: float = fields.credits_("Credits of subjects passed")
    open: float = fields.credits_("Credits of subjects failed or absent")
    pending: float = fields.credits_("Credits of subjects not decided yet")
    earned_theory: float = fields.credits_("Credits earned in theory subjects")
    earned_laboratory: float = fields.credits_("Credits earned in laboratories")
    boundary: str = pa.Field(
        isin=BOUNDARIES, nullable=True, description="The year boundary that comes next"
    )
    requirement: str = pa.Field(
        isin=REQUIREMENTS,
        nullable=True,
        description="Whether it asks for earned credits or limits the credits of backlogs",
    )
    required: float = fields.credits_("The credits it asks for or allows", nullable=True)
    counted: float = fields.credits_("The student's credits held against it", nullable=True)
    meets_required: bool = pa.Field(
        nullable=True, description="Whether it is met now; no judgement of detention"
    )
    short_by: float = fields.credits_("Credits still to be earned or cleared", nullable=True)
    provisional: bool = pa.Field(
        nullable=True, description="The semester before the boundary has not been sat yet"
    )

    @pa.dataframe_check(name="credits_add_up")
    @classmethod
    def _credits_add_up(cls, data: pa.PolarsData) -> pl.LazyFrame:
        parts = pl.col("earned") + pl.col("open") + pl.col("pending")
        return data.lazyframe.select((pl.col("attempted") - parts).abs() < fields.EXACT)

    @pa.dataframe_check(name="met_when_nothing_is_short")
    @classmethod
    def _met_when_nothing_is_short(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            pl.col("meets_required").eq_missing(pl.col("short_by") == 0)
            & (pl.col("boundary").is_not_null() | pl.col("required").is_null())
        )

    class Config:
        """Whole-table rules."""

        strict = True


class StudentRankings(pa.DataFrameModel):
    """A student's rank within a scope of their admission year, or why there is none."""

    hall_ticket: str = fields.hall_ticket()
    scope: str = pa.Field(
        isin=SCOPES,
        description="class (college and branch), college, branch (all colleges), university",
    )
    value: float = fields.gpa("The CGPA that is ranked")
    rank: pl.Int32 = pa.Field(ge=1, nullable=True, description="Dense rank; null when not ranked")
    out_of: pl.Int32 = fields.count("Ranked students of the scope")
    percentile: float = fields.percent("Share of them with a lower or equal CGPA")
    unranked_because: str = pa.Field(nullable=True, description="Why there is no rank")

    @pa.dataframe_check(name="ranked_or_says_why")
    @classmethod
    def _ranked_or_says_why(cls, data: pa.PolarsData) -> pl.LazyFrame:
        ranked = pl.col("rank").is_not_null()
        return data.lazyframe.select(
            (ranked == pl.col("unranked_because").is_null())
            & (ranked == pl.col("percentile").is_not_null())
            & (~ranked | pl.col("value").is_not_null())
        )

    @pa.dataframe_check(name="rank_within_out_of")
    @classmethod
    def _rank_within_out_of(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("rank").fill_null(0) <= pl.col("out_of"))

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["hall_ticket", "scope"]


class Backlogs(pa.DataFrameModel):
    """A subject that a student has failed or missed and not cleared."""

    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code()
    semester: pl.Int16 = fields.semester(nullable=True)
    credits: float = fields.credits_("Credits", most=fields.MOST_CREDITS_OF_A_SUBJECT)
    since_release: str = fields.release("Release that first failed it or found it missed")
    attempts: pl.Int16 = fields.count("Main sessions in which the subject was sat")
    state: str = pa.Field(
        isin=[state.value for state in OPEN_STATES], description="failed or absent"
    )

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["hall_ticket", "subject_code"]


class RevaluationImpact(pa.DataFrameModel):
    """What a revaluation page made of a subject of a student."""

    release: str = fields.release("The revaluation release")
    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code()
    revises: str = fields.release("The main release it revises", nullable=True)
    grade_before: str = pa.Field(
        nullable=True, description="The grade that counted before; null when none was known"
    )
    grade_after: str = pa.Field(description="The grade that counts with this release")
    points_change: pl.Int16 = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": fields.HIGHEST_GPA},
        description="Grade points gained; null when one of the grades is not decided",
    )
    outcome: str = pa.Field(
        isin=OUTCOMES, description="raised, unchanged, decided (was not before) or undecided"
    )
    sgpa_before: float = fields.gpa("SGPA of the subject's semester before")
    sgpa_after: float = fields.gpa("SGPA of the subject's semester with this release")
    cgpa_before: float = fields.gpa("CGPA before")
    cgpa_after: float = fields.gpa("CGPA with this release")

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["release", "hall_ticket", "subject_code"]


STANDINGS = Table("analytics", "standings", Standings, ("hall_ticket", "subject_code"))
SEMESTER_GPAS = Table("analytics", "semester_gpas", SemesterGpas, ("hall_ticket", "semester"))
STUDENT_CGPAS = Table("analytics", "student_cgpas", StudentCgpas, ("hall_ticket",))
STUDENT_CREDITS = Table("analytics", "student_credits", StudentCredits, ("hall_ticket",))
STUDENT_RANKINGS = Table("analytics", "student_rankings", StudentRankings, ("hall_ticket", "scope"))
BACKLOGS = Table("analytics", "backlogs", Backlogs, ("hall_ticket", "subject_code"))
REVALUATION_IMPACT = Table(
    "analytics",
    "revaluation_impact",
    RevaluationImpact,
    ("release", "hall_ticket", "subject_code"),
)
