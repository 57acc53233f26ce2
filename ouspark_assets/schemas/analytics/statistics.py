"""What is computed over students: statistics of semesters, subjects, colleges and departments.

Columns, ranges and the rules between columns of one row. The computations are in `analytics/`.
"""

import pandera.polars as pa
import polars as pl

from ouspark_assets.schemas import fields
from ouspark_assets.schemas.reference import KINDS
from ouspark_assets.schemas.table import Table

# A number after a colon: the counts of an object of name → count, in anybody's spelling.
_COUNT = r":\s*\d+"


def _json(description: str) -> str:
    field: str = pa.Field(str_matches=r"^[\[{]", description=f"{description} (JSON)")
    return field


def _sum_of_counts(column: str) -> pl.Expr:
    counts = pl.element().str.strip_chars_start(": ").cast(pl.Int64)
    return pl.col(column).str.extract_all(_COUNT).list.eval(counts).list.sum()


def _between(low: str, value: str, high: str) -> pl.Expr:
    missing = pl.col(value).is_null()
    inside = pl.col(value).is_between(pl.col(low) - fields.EXACT, pl.col(high) + fields.EXACT)
    return pl.when(missing).then(pl.col(low).is_null()).otherwise(inside)


class Cohort(pa.DataFrameModel):
    """What every statistic over a group of students says, with the numbers it is taken of."""

    students: pl.Int32 = fields.count("Students with a standing")
    decided: pl.Int32 = fields.count("Of them, with at least one decided subject")
    all_clear: pl.Int32 = fields.count("Of them, with nothing open or pending")
    with_backlogs: pl.Int32 = fields.count("Of them, with something open")
    incomplete: pl.Int32 = fields.count("Of them, with history missing")
    pass_percent: float = fields.percent("100 × all_clear / decided")
    with_cgpa: pl.Int32 = fields.count("Of them, with a CGPA: the n of mean and median")
    mean_cgpa: float = fields.gpa("Mean CGPA")
    median_cgpa: float = fields.gpa("Median CGPA")
    lowest_cgpa: float = fields.gpa("Lowest CGPA")
    highest_cgpa: float = fields.gpa("Highest CGPA")

    @pa.dataframe_check(name="parts_within_the_whole")
    @classmethod
    def _parts_within_the_whole(cls, data: pa.PolarsData) -> pl.LazyFrame:
        whole = pl.col("students")
        return data.lazyframe.select(
            (pl.col("decided") <= whole)
            & (pl.col("with_cgpa") <= whole)
            & (pl.col("all_clear") + pl.col("with_backlogs") <= whole)
        )

    @pa.dataframe_check(name="mean_and_median_within_range")
    @classmethod
    def _mean_and_median_within_range(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            _between("lowest_cgpa", "mean_cgpa", "highest_cgpa")
            & _between("lowest_cgpa", "median_cgpa", "highest_cgpa")
        )

    @pa.dataframe_check(name="no_mean_without_n")
    @classmethod
    def _no_mean_without_n(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("mean_cgpa").is_not_null() == (pl.col("with_cgpa") > 0))


class _CollegeYear(pa.DataFrameModel):
    """A college and an admission year."""

    college_code: str = fields.college_code()
    admission_year: pl.Int16 = fields.admission_year()


class _DepartmentYear(pa.DataFrameModel):
    """A department (a branch of a college) and an admission year."""

    college_code: str = fields.college_code()
    branch_code: str = fields.branch_code()
    admission_year: pl.Int16 = fields.admission_year()


class _Ranked(pa.DataFrameModel):
    """What a rank of a group says, with the numbers it is taken of."""

    n: pl.Int32 = fields.count("Students with a CGPA")
    mean_cgpa: float = fields.gpa("Mean CGPA, by which the rank goes")
    pass_percent: float = fields.percent("Students with nothing open or pending, in percent")
    rank: pl.Int32 = pa.Field(ge=1, nullable=True, description="Dense rank in the admission year")
    out_of: pl.Int32 = fields.count("How many are ranked in the admission year")
    unranked_because: str = pa.Field(nullable=True, description="Why there is no rank")

    @pa.dataframe_check(name="ranked_or_says_why")
    @classmethod
    def _ranked_or_says_why(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            (pl.col("rank").is_null() == pl.col("unranked_because").is_not_null())
            & (pl.col("rank").fill_null(0) <= pl.col("out_of"))
        )


class CollegeStats(Cohort, _CollegeYear):
    """A college's students of an admission year."""

    toppers: str = _json("Students of rank 1 to 10 in the college, ties included")

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["college_code", "admission_year"]


class DepartmentStats(Cohort, _DepartmentYear):
    """A department's students (a branch of a college) of an admission year."""

    toppers: str = _json("Students of rank 1 to 10 in the class, ties included")

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["college_code", "branch_code", "admission_year"]


class CollegeRankings(_Ranked, _CollegeYear):
    """A college's rank among all colleges, per admission year, by mean CGPA."""

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["college_code", "admission_year"]


class DepartmentRankings(_Ranked, _DepartmentYear):
    """A department's rank among all departments, per admission year, by mean CGPA."""

    rank_in_college: pl.Int32 = pa.Field(
        ge=1, nullable=True, description="Among the departments of the college"
    )
    rank_in_branch: pl.Int32 = pa.Field(
        ge=1, nullable=True, description="Among the departments of the same branch"
    )

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["college_code", "branch_code", "admission_year"]


class _Dimension(pa.DataFrameModel):
    """A value of a dimension, in a college, branch and admission year or in all of them."""

    dimension: str = pa.Field(description="gender, medium, course, lateral_entry or section")
    value: str = pa.Field(description="Its value; 'unknown' where the pages print none")
    college_code: str = fields.college_code("College; null for all", nullable=True)
    branch_code: str = fields.branch_code("Branch; null for all", nullable=True)
    admission_year: pl.Int16 = fields.admission_year(
        "Year of admission; null for all", nullable=True
    )


class Demographics(Cohort, _Dimension):
    """Students of one gender, medium, course, way of entry or section."""

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["dimension", "value", "college_code", "branch_code", "admission_year"]


class SemesterStats(pa.DataFrameModel):
    """A semester in a release: who appeared, who cleared it, the SGPAs printed."""

    release: str = fields.release()
    semester: pl.Int16 = fields.semester()
    appeared: pl.Int32 = fields.count("Students with a row of the semester that is not Ab")
    all_clear: pl.Int32 = fields.count("Of them, with all their rows of it passed")
    pass_percent: float = fields.percent("100 × all_clear / appeared")
    printed_lines: pl.Int32 = fields.count("Semester lines printed")
    printed_clear: pl.Int32 = fields.count("Of them, clear: with an SGPA")
    printed_promoted: pl.Int32 = fields.count("Of them, PROMOTED with or without an SGPA")
    printed_detained: pl.Int32 = fields.count("Of them, DETAINED")
    statuses: str = _json("Statuses as printed → lines")
    with_sgpa: pl.Int32 = fields.count("SGPAs printed: the n of mean, median and histogram")
    mean_sgpa: float = fields.gpa("Mean of the SGPAs printed")
    median_sgpa: float = fields.gpa("Median of the SGPAs printed")
    lowest_sgpa: float = fields.gpa("Lowest SGPA printed")
    highest_sgpa: float = fields.gpa("Highest SGPA printed")
    histogram: str = _json("Lower end of a band of half a point → SGPAs in it")

    @pa.dataframe_check(name="parts_within_the_whole")
    @classmethod
    def _parts_within_the_whole(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            (pl.col("all_clear") <= pl.col("appeared"))
            & (pl.col("with_sgpa") <= pl.col("printed_lines"))
            & (pl.col("printed_promoted") + pl.col("printed_detained") <= pl.col("printed_lines"))
        )

    @pa.dataframe_check(name="counts_add_up")
    @classmethod
    def _counts_add_up(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            (_sum_of_counts("histogram") == pl.col("with_sgpa"))
            & (_sum_of_counts("statuses") == pl.col("printed_lines"))
        )

    @pa.dataframe_check(name="mean_and_median_within_range")
    @classmethod
    def _mean_and_median_within_range(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            _between("lowest_sgpa", "mean_sgpa", "highest_sgpa")
            & _between("lowest_sgpa", "median_sgpa", "highest_sgpa")
        )

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["release", "semester"]


class SubjectStats(pa.DataFrameModel):
    """A subject in a main release: how it went, and what revaluation changed afterwards."""

    subject_code: str = fields.subject_code()
    release: str = fields.release("The main release")
    kind: str = pa.Field(
        isin=KINDS, nullable=True, description="theory or laboratory; null when not known"
    )
    appeared: pl.Int32 = fields.count("Students who sat it: passed and failed")
    passed: pl.Int32 = fields.count("Students who passed")
    failed: pl.Int32 = fields.count("Students who failed")
    absent: pl.Int32 = fields.count("Students who were absent")
    pending: pl.Int32 = fields.count("Students whose grade is not decided")
    pass_percent: float = fields.percent("100 × passed / appeared")
    mean_points: float = fields.gpa("Mean grade points of those who appeared")
    grades: str = _json("Grade, S to F → students")
    revalued: pl.Int32 = fields.count("Rows of it on the pages of the revaluation")
    revaluation_raised: pl.Int32 = fields.count("Of them, with a better grade")
    revaluation_cleared: pl.Int32 = fields.count("Of them, passed only then")
    raised_percent: float = fields.percent("100 × revaluation_raised / revalued")

    @pa.dataframe_check(name="grades_add_up_to_appeared")
    @classmethod
    def _grades_add_up_to_appeared(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(
            (pl.col("passed") + pl.col("failed") == pl.col("appeared"))
            & (_sum_of_counts("grades") == pl.col("appeared"))
        )

    @pa.dataframe_check(name="no_mean_without_n")
    @classmethod
    def _no_mean_without_n(cls, data: pa.PolarsData) -> pl.LazyFrame:
        appeared = pl.col("appeared") > 0
        return data.lazyframe.select(
            (pl.col("mean_points").is_not_null() == appeared)
            & (pl.col("pass_percent").is_not_null() == appeared)
        )

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["subject_code", "release"]


COLLEGE_STATS = Table(
    "analytics", "college_stats", CollegeStats, ("college_code", "admission_year")
)
DEPARTMENT_STATS = Table(
    "analytics",
    "department_stats",
    DepartmentStats,
    ("college_code", "branch_code", "admission_year"),
)
COLLEGE_RANKINGS = Table(
    "analytics", "college_rankings", CollegeRankings, ("college_code", "admission_year")
)
DEPARTMENT_RANKINGS = Table(
    "analytics",
    "department_rankings",
    DepartmentRankings,
    ("college_code", "branch_code", "admission_year"),
)
DEMOGRAPHICS = Table(
    "analytics",
    "demographics",
    Demographics,
    ("dimension", "value", "college_code", "branch_code", "admission_year"),
    nullable_key=("college_code", "branch_code", "admission_year"),
)
SEMESTER_STATS = Table("analytics", "semester_stats", SemesterStats, ("release", "semester"))
SUBJECT_STATS = Table("analytics", "subject_stats", SubjectStats, ("subject_code", "release"))
