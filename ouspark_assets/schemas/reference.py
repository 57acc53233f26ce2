"""Reference data: what a college, a branch and a subject code stands for.

Rows come from the files in `reference/` and, marked `inferred`, from what pages showed.
"""

import pandera.polars as pa
import polars as pl

from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table

KINDS = ("theory", "laboratory")


def _inferred() -> bool:
    field: bool = pa.Field(description="Known from pages only, not from the repository's files")
    return field


class _Named(pa.DataFrameModel):
    """What every reference table has: a name, which only inferred rows may lack."""

    @pa.dataframe_check(name="named_unless_inferred")
    @classmethod
    def _named_unless_inferred(cls, data: pa.PolarsData) -> pl.LazyFrame:
        name = next(it for it in data.lazyframe.collect_schema().names() if it.endswith("name"))
        return data.lazyframe.select(pl.col(name).is_not_null() | pl.col("inferred"))


class Colleges(_Named):
    """A college, by the first four digits of a hall ticket."""

    college_code: str = fields.college_code(unique=True)
    name: str = fields.text("Full name", least=1, most=fields.LONGEST_NAME, nullable=True)
    short_name: str = fields.text("Usual abbreviation", least=1, nullable=True)
    autonomous: bool = pa.Field(
        nullable=True, description="Publishes its own results, so only older batches are on pages"
    )
    inferred: bool = _inferred()

    class Config:
        """Whole-table rules."""

        strict = True


class Branches(_Named):
    """A branch, by digits seven to nine of a hall ticket."""

    branch_code: str = fields.branch_code(unique=True)
    name: str = fields.text("Full name", least=1, most=fields.LONGEST_NAME, nullable=True)
    short_name: str = fields.text("Usual abbreviation", least=1, nullable=True)
    inferred: bool = _inferred()

    class Config:
        """Whole-table rules."""

        strict = True


class Subjects(_Named):
    """A subject, by its code; names, credits and semesters as they usually are."""

    subject_code: str = fields.subject_code(unique=True)
    subject_name: str = fields.text(
        "Usual name", least=1, most=fields.LONGEST_SUBJECT_NAME, nullable=True
    )
    credits: float = fields.credits_(
        "Usual credits", nullable=True, most=fields.MOST_CREDITS_OF_A_SUBJECT
    )
    semester: pl.Int16 = fields.semester("Semester, where it is known", nullable=True)
    kind: str = pa.Field(isin=KINDS, nullable=True, description="theory or laboratory")
    inferred: bool = _inferred()

    class Config:
        """Whole-table rules."""

        strict = True


COLLEGES = Table("clean", "colleges", Colleges, ("college_code",))
BRANCHES = Table("clean", "branches", Branches, ("branch_code",))
SUBJECTS = Table("clean", "subjects", Subjects, ("subject_code",))
