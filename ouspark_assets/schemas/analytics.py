"""Schemas of the aggregates that are computed from the clean tables.

Columns, ranges and rules within a row belong here: first the tables per student, then the
statistics over groups of students. The computations are in `ouspark_assets/analytics/`.
"""

from functools import partial
from typing import Any

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.grades import OPEN_STATES, State, has_passed, state_expression
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.reference import KINDS
from ouspark_assets.schemas.table import Table

STATES = [state.value for state in State]
SCOPES = ("class", "college", "branch", "university")
BOUNDARIES = ("II→III", "IV→V", "VI→VII")
REQUIREMENTS = ("earned at least", "backlog at most")
OUTCOMES = ("raised", "unchanged", "decided", "undecided")
# The counts in a JSON object of name → count: a number after a colon, with any spacing.
_COUNT = r":\s*\d+"


def _json(description: str) -> Any:
    return pa.Field(str_matches=r"^[\[{]", description=f"{description} (JSON).")


def _sum_of_counts(column: str) -> pl.Expr:
    counts = pl.element().str.strip_chars_start(": ").cast(pl.Int64)
    return pl.col(column).str.extract_all(_COUNT).list.eval(counts).list.sum()


def _between(low: str, value: str, high: str) -> pl.Expr:
    missing = pl.col(value).is_null()
    inside = pl.col(value).is_between(
        pl.col(low) - fields.TOLERANCE, pl.col(high) + fields.TOLERANCE
    )
    return pl.when(missing).then(pl.col(low).is_null()).otherwise(inside)


class Standings(fields.TableModel):
    """One row per student and subject: the effective grade over all attempts."""

    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code("Newest code of the subject.")
    semester: pl.Int16 = fields.semester(
        "Semester of the subject, 1 to 8; null if unknown.", nullable=True
    )
    credits: float = fields.credits_("Credits of the subject.", maximum=fields.MAX_SUBJECT_CREDITS)
    grade: str = pa.Field(description="Effective grade.")
    points: pl.Int16 = fields.points("Grade points of the effective grade; null while pending.")
    state: str = pa.Field(isin=STATES, description="State: passed, failed, absent or pending.")
    attempts: pl.Int16 = fields.count("Number of main sessions in which the subject was sat.")
    first_release: str = fields.release("Release of the first attempt.")
    cleared_release: str = fields.release(
        "First release in which the subject was passed; null if it is not passed.", nullable=True
    )

    _state_fits_the_grade = fields.row_rule(
        "state_fits_the_grade", pl.col("state") == state_expression()
    )
    _cleared_when_passed = fields.row_rule(
        "cleared_when_passed", has_passed() == pl.col("cleared_release").is_not_null()
    )


class SemesterGpas(fields.TableModel):
    """One row per student and semester: whether the semester is finished, and its SGPA."""

    hall_ticket: str = fields.hall_ticket()
    semester: pl.Int16 = fields.semester()
    credits: float = fields.credits_("Credits of the student's subjects in the semester.")
    sgpa: float = fields.gpa("Computed SGPA; null until the semester is finished.")
    sgpa_printed: float = fields.gpa("SGPA on the student's latest page that prints one.")
    state: str = pa.Field(
        isin=["finished", "open", "pending"],
        description="State: finished, open (a subject is failed or absent) or pending (a subject "
        "is not decided).",
    )

    _sgpa_of_finished_semesters_only = fields.row_rule(
        "sgpa_of_finished_semesters_only",
        pl.col("sgpa").is_not_null() == ((pl.col("state") == "finished") & (pl.col("credits") > 0)),
    )


class StudentCgpas(fields.TableModel):
    """One row per student: the CGPA over all finished semesters, and what is open or missing."""

    hall_ticket: str = fields.hall_ticket(unique=True)
    cgpa: float = fields.gpa("CGPA over the finished semesters; null if there are none.")
    credits_counted: float = fields.credits_("Credits that the CGPA is computed from.")
    semesters_finished: pl.Int16 = fields.count("Number of finished semesters.")
    passed_subjects: pl.Int16 = fields.count("Number of subjects passed.")
    open_subjects: pl.Int16 = fields.count("Number of backlogs: subjects failed or absent.")
    pending_subjects: pl.Int16 = fields.count("Number of subjects that are not decided.")
    incomplete: bool = pa.Field(
        description="Whether part of the student's history is missing, so that the record must "
        "not be taken for a clean one."
    )
    incomplete_because: str = pa.Field(
        nullable=True, description="What is missing; null if nothing is."
    )
    percentage: float = fields.percent(
        "Percentage computed from the CGPA; null unless a formula is configured."
    )
    award: str = pa.Field(
        nullable=True,
        description="Class award at the end of the course; null unless limits are configured.",
    )

    _incomplete_says_why = fields.row_rule(
        "incomplete_says_why", pl.col("incomplete") == pl.col("incomplete_because").is_not_null()
    )
    _cgpa_counts_credits = fields.row_rule(
        "cgpa_counts_credits", pl.col("cgpa").is_not_null() == (pl.col("credits_counted") > 0)
    )


class StudentCredits(fields.TableModel):
    """One row per student: credits, and the requirement of the next year boundary."""

    hall_ticket: str = fields.hall_ticket(unique=True)
    attempted: float = fields.credits_("Credits of all subjects with an attempt.")
    earned: float = fields.credits_("Credits of the subjects passed.")
    open: float = fields.credits_("Credits of the backlogs: subjects failed or absent.")
    pending: float = fields.credits_("Credits of the subjects that are not decided.")
    earned_theory: float = fields.credits_("Credits earned in theory subjects.")
    earned_laboratory: float = fields.credits_("Credits earned in laboratory subjects.")
    boundary: str = pa.Field(
        isin=BOUNDARIES, nullable=True, description="Next year boundary; null after the last one."
    )
    requirement: str = pa.Field(
        isin=REQUIREMENTS,
        nullable=True,
        description="Whether the boundary requires earned credits or limits backlog credits.",
    )
    required: float = fields.credits_(
        "Credits that the boundary requires or allows.", nullable=True
    )
    counted: float = fields.credits_(
        "Credits of the student that are compared with the requirement.", nullable=True
    )
    meets_required: bool = pa.Field(
        nullable=True,
        description="Whether the requirement is met now; says nothing about detention.",
    )
    short_by: float = fields.credits_("Credits still to be earned or cleared.", nullable=True)
    provisional: bool = pa.Field(
        nullable=True,
        description="Whether the last semester before the boundary has not been sat yet.",
    )

    _credits_add_up = fields.row_rule(
        "credits_add_up",
        (pl.col("attempted") - (pl.col("earned") + pl.col("open") + pl.col("pending"))).abs()
        < fields.TOLERANCE,
    )
    _met_when_nothing_is_short = fields.row_rule(
        "met_when_nothing_is_short",
        pl.col("meets_required").eq_missing(pl.col("short_by") == 0),
        pl.col("boundary").is_not_null() | pl.col("required").is_null(),
    )


class StudentRankings(fields.TableModel):
    """One row per student and scope: the rank within the admission year, or why there is none."""

    hall_ticket: str = fields.hall_ticket()
    scope: str = pa.Field(
        isin=SCOPES,
        description="Scope: class (college and branch), college, branch (in all colleges) or "
        "university.",
    )
    value: float = fields.gpa("CGPA that the rank is based on.")
    rank: pl.Int32 = pa.Field(
        ge=1, nullable=True, description="Dense rank; null if the student is not ranked."
    )
    out_of: pl.Int32 = fields.count("Number of ranked students in the scope.")
    percentile: float = fields.percent(
        "Percentage of the ranked students with a lower or equal CGPA."
    )
    unranked_because: str = pa.Field(
        nullable=True, description="Why the student is not ranked; null if ranked."
    )

    _ranked_or_says_why = fields.row_rule(
        "ranked_or_says_why",
        pl.col("rank").is_null() == pl.col("unranked_because").is_not_null(),
        pl.col("rank").is_null() == pl.col("percentile").is_null(),
        pl.col("rank").is_null() | pl.col("value").is_not_null(),
    )
    _rank_within_out_of = fields.row_rule(
        "rank_within_out_of", pl.col("rank").fill_null(0) <= pl.col("out_of")
    )


class Backlogs(fields.TableModel):
    """One row per backlog: a subject whose standing is failed or absent."""

    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code("Newest code of the subject.")
    semester: pl.Int16 = fields.semester(
        "Semester of the subject, 1 to 8; null if unknown.", nullable=True
    )
    credits: float = fields.credits_("Credits of the subject.", maximum=fields.MAX_SUBJECT_CREDITS)
    since_release: str = fields.release("First release in which the subject was failed or absent.")
    attempts: pl.Int16 = fields.count("Number of main sessions in which the subject was sat.")
    state: str = pa.Field(
        isin=[state.value for state in OPEN_STATES], description="State: failed or absent."
    )


class RevaluationImpact(fields.TableModel):
    """One row per marks row of a revaluation release: grade, SGPA and CGPA before and after it."""

    release: str = fields.release("Key of the revaluation release.")
    hall_ticket: str = fields.hall_ticket()
    subject_code: str = fields.subject_code()
    revises: str = fields.release("Main release that it revises; null if unclear.", nullable=True)
    grade_before: str = pa.Field(
        nullable=True, description="Effective grade before the release; null if there was none."
    )
    grade_after: str = pa.Field(description="Effective grade including the release.")
    points_change: pl.Int16 = fields.points(
        "Grade points gained; null if one of the grades is not decided."
    )
    outcome: str = pa.Field(
        isin=OUTCOMES,
        description="Outcome: raised, unchanged, decided (was undecided before) or undecided.",
    )
    sgpa_before: float = fields.gpa("SGPA of the subject's semester before the release.")
    sgpa_after: float = fields.gpa("SGPA of the subject's semester including the release.")
    cgpa_before: float = fields.gpa("CGPA before the release.")
    cgpa_after: float = fields.gpa("CGPA including the release.")


class _GroupStats(fields.TableModel):
    """The statistics of a group of students, each with the number it is computed from."""

    students: pl.Int32 = fields.count("Students with at least one standing.")
    decided: pl.Int32 = fields.count("Students with at least one decided subject.")
    all_clear: pl.Int32 = fields.count("Students with nothing open and nothing pending.")
    with_backlogs: pl.Int32 = fields.count("Students with at least one backlog.")
    incomplete: pl.Int32 = fields.count("Students with part of their history missing.")
    pass_percent: float = fields.percent("100 × all_clear / decided.")
    with_cgpa: pl.Int32 = fields.count("Students with a CGPA: the n of the mean and the median.")
    mean_cgpa: float = fields.gpa("Mean CGPA.")
    median_cgpa: float = fields.gpa("Median CGPA.")
    lowest_cgpa: float = fields.gpa("Lowest CGPA.")
    highest_cgpa: float = fields.gpa("Highest CGPA.")

    _parts_within_the_whole = fields.row_rule(
        "parts_within_the_whole",
        pl.col("decided") <= pl.col("students"),
        pl.col("with_cgpa") <= pl.col("students"),
        pl.col("all_clear") + pl.col("with_backlogs") <= pl.col("students"),
    )
    _mean_and_median_within_range = fields.row_rule(
        "mean_and_median_within_range",
        _between("lowest_cgpa", "mean_cgpa", "highest_cgpa"),
        _between("lowest_cgpa", "median_cgpa", "highest_cgpa"),
    )
    _no_mean_without_n = fields.row_rule(
        "no_mean_without_n", pl.col("mean_cgpa").is_not_null() == (pl.col("with_cgpa") > 0)
    )


class _CollegeKey(fields.TableModel):
    """The key of a college's students of an admission year."""

    college_code: str = fields.college_code()
    admission_year: pl.Int16 = fields.admission_year()


class _DepartmentKey(fields.TableModel):
    """The key of a department's students of an admission year."""

    college_code: str = fields.college_code()
    branch_code: str = fields.branch_code()
    admission_year: pl.Int16 = fields.admission_year()


class _GroupRank(fields.TableModel):
    """The rank of a group by mean CGPA, with the numbers it is computed from."""

    n: pl.Int32 = fields.count("Students with a CGPA.")
    mean_cgpa: float = fields.gpa("Mean CGPA, which the rank is based on.")
    pass_percent: float = fields.percent("Percentage of students with nothing open or pending.")
    rank: pl.Int32 = pa.Field(
        ge=1, nullable=True, description="Dense rank in the admission year; null if not ranked."
    )
    out_of: pl.Int32 = fields.count("Number of ranked groups in the admission year.")
    unranked_because: str = pa.Field(
        nullable=True, description="Why the group is not ranked; null if ranked."
    )

    _ranked_or_says_why = fields.row_rule(
        "ranked_or_says_why",
        pl.col("rank").is_null() == pl.col("unranked_because").is_not_null(),
        pl.col("rank").fill_null(0) <= pl.col("out_of"),
    )


class CollegeStats(_GroupStats, _CollegeKey):
    """One row per college and admission year: its students, their CGPAs and the toppers."""

    toppers: str = _json("Students of rank 1 to 10 in the college, ties included")


class DepartmentStats(_GroupStats, _DepartmentKey):
    """One row per department and admission year: its students, their CGPAs and the toppers."""

    toppers: str = _json("Students of rank 1 to 10 in the class, ties included")


class CollegeRankings(_GroupRank, _CollegeKey):
    """One row per college and admission year: its rank among all colleges by mean CGPA."""


class DepartmentRankings(_GroupRank, _DepartmentKey):
    """One row per department and admission year: its rank among all departments by mean CGPA."""

    rank_in_college: pl.Int32 = pa.Field(
        ge=1, nullable=True, description="Rank among the departments of the same college."
    )
    rank_in_branch: pl.Int32 = pa.Field(
        ge=1, nullable=True, description="Rank among the departments of the same branch."
    )


class _DimensionKey(fields.TableModel):
    """The key of the students with one value of a dimension; null codes mean all."""

    dimension: str = pa.Field(
        description="Dimension: gender, medium, course, lateral_entry or section."
    )
    value: str = pa.Field(
        description="Value of the dimension; 'unknown' where the pages print none."
    )
    college_code: str = fields.college_code("College code; null for all colleges.", nullable=True)
    branch_code: str = fields.branch_code("Branch code; null for all branches.", nullable=True)
    admission_year: pl.Int16 = fields.admission_year(
        "Year of admission; null for all years.", nullable=True
    )


class Demographics(_GroupStats, _DimensionKey):
    """One row per gender, medium, course, way of entry or section, per place and admission year."""


class SemesterStats(fields.TableModel):
    """One row per release and semester: who appeared, who passed everything, the printed SGPAs."""

    release: str = fields.release()
    semester: pl.Int16 = fields.semester()
    appeared: pl.Int32 = fields.count("Students with a marks row of the semester that is not Ab.")
    all_clear: pl.Int32 = fields.count(
        "Students who passed all their marks rows of the semester in this release."
    )
    pass_percent: float = fields.percent("100 × all_clear / appeared.")
    printed_lines: pl.Int32 = fields.count("Semester lines printed.")
    printed_clear: pl.Int32 = fields.count("Semester lines with an SGPA.")
    printed_promoted: pl.Int32 = fields.count(
        "Semester lines with the status PROMOTED, with or without an SGPA."
    )
    printed_detained: pl.Int32 = fields.count("Semester lines with the status DETAINED.")
    statuses: str = _json("Number of semester lines by status as printed")
    with_sgpa: pl.Int32 = fields.count(
        "SGPAs printed: the n of the mean, the median and the histogram."
    )
    mean_sgpa: float = fields.gpa("Mean of the printed SGPAs.")
    median_sgpa: float = fields.gpa("Median of the printed SGPAs.")
    lowest_sgpa: float = fields.gpa("Lowest printed SGPA.")
    highest_sgpa: float = fields.gpa("Highest printed SGPA.")
    histogram: str = _json(
        "Number of printed SGPAs by the lower end of each band of half a grade point"
    )

    _parts_within_the_whole = fields.row_rule(
        "parts_within_the_whole",
        pl.col("all_clear") <= pl.col("appeared"),
        pl.col("with_sgpa") <= pl.col("printed_lines"),
        pl.col("printed_promoted") + pl.col("printed_detained") <= pl.col("printed_lines"),
    )
    _counts_add_up = fields.row_rule(
        "counts_add_up",
        _sum_of_counts("histogram") == pl.col("with_sgpa"),
        _sum_of_counts("statuses") == pl.col("printed_lines"),
    )
    _mean_and_median_within_range = fields.row_rule(
        "mean_and_median_within_range",
        _between("lowest_sgpa", "mean_sgpa", "highest_sgpa"),
        _between("lowest_sgpa", "median_sgpa", "highest_sgpa"),
    )


class SubjectStats(fields.TableModel):
    """One row per subject and main release: its results, and what revaluation changed later."""

    subject_code: str = fields.subject_code()
    release: str = fields.release("Key of the main release.")
    kind: str = pa.Field(
        isin=KINDS, nullable=True, description="Theory or laboratory; null if unknown."
    )
    appeared: pl.Int32 = fields.count("Students who appeared: passed or failed.")
    passed: pl.Int32 = fields.count("Students who passed.")
    failed: pl.Int32 = fields.count("Students who failed.")
    absent: pl.Int32 = fields.count("Students who were absent.")
    pending: pl.Int32 = fields.count("Students whose grade is not decided.")
    pass_percent: float = fields.percent("100 × passed / appeared.")
    mean_points: float = fields.gpa("Mean grade points of the students who appeared.")
    grades: str = _json("Number of students by grade, S to F")
    revalued: pl.Int32 = fields.count("Marks rows of the subject in the revaluation releases.")
    revaluation_raised: pl.Int32 = fields.count("Revaluation rows with a better grade.")
    revaluation_cleared: pl.Int32 = fields.count(
        "Revaluation rows that turned a grade that was not a pass into a pass."
    )
    raised_percent: float = fields.percent("100 × revaluation_raised / revalued.")

    _grades_add_up_to_appeared = fields.row_rule(
        "grades_add_up_to_appeared",
        pl.col("passed") + pl.col("failed") == pl.col("appeared"),
        _sum_of_counts("grades") == pl.col("appeared"),
    )
    _no_mean_without_n = fields.row_rule(
        "no_mean_without_n",
        pl.col("mean_points").is_not_null() == (pl.col("appeared") > 0),
        pl.col("pass_percent").is_not_null() == (pl.col("appeared") > 0),
    )


_table = partial(Table, "analytics")
_COLLEGE = ("college_code", "admission_year")
_DEPARTMENT = ("college_code", "branch_code", "admission_year")

AGGREGATE_TABLES = (
    STANDINGS := _table("standings", Standings, ("hall_ticket", "subject_code")),
    SEMESTER_GPAS := _table("semester_gpas", SemesterGpas, ("hall_ticket", "semester")),
    STUDENT_CGPAS := _table("student_cgpas", StudentCgpas, ("hall_ticket",)),
    STUDENT_CREDITS := _table("student_credits", StudentCredits, ("hall_ticket",)),
    STUDENT_RANKINGS := _table("student_rankings", StudentRankings, ("hall_ticket", "scope")),
    COLLEGE_STATS := _table("college_stats", CollegeStats, _COLLEGE),
    DEPARTMENT_STATS := _table("department_stats", DepartmentStats, _DEPARTMENT),
    COLLEGE_RANKINGS := _table("college_rankings", CollegeRankings, _COLLEGE),
    DEPARTMENT_RANKINGS := _table("department_rankings", DepartmentRankings, _DEPARTMENT),
    DEMOGRAPHICS := _table(
        "demographics", Demographics, ("dimension", "value", *_DEPARTMENT), nullable_key=_DEPARTMENT
    ),
    SEMESTER_STATS := _table("semester_stats", SemesterStats, ("release", "semester")),
    SUBJECT_STATS := _table("subject_stats", SubjectStats, ("subject_code", "release")),
    BACKLOGS := _table("backlogs", Backlogs, ("hall_ticket", "subject_code")),
    REVALUATION_IMPACT := _table(
        "revaluation_impact", RevaluationImpact, ("release", "hall_ticket", "subject_code")
    ),
)
