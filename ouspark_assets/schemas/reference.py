"""Schemas of the reference data: colleges, branches and subjects by their codes.

Rows come from the files in `domain/reference/` and, marked as `inferred`, from codes that were
seen on result pages.
"""

from typing import Any

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.subjects import SubjectKind
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table

KINDS = tuple(kind.value for kind in SubjectKind)


def _inferred() -> Any:
    return pa.Field(
        description="Whether the code is known only from result pages, not from a reference file."
    )


def _named_unless_inferred(name: str = "name") -> Any:
    """Return the rule that only inferred rows may lack a name."""
    return fields.row_rule("named_unless_inferred", pl.col(name).is_not_null() | pl.col("inferred"))


class Colleges(fields.TableModel):
    """One row per college: the first four digits of a hall ticket."""

    college_code: str = fields.college_code(unique=True)
    name: str = fields.text(
        "Full name of the college.",
        min_length=1,
        max_length=fields.MAX_NAME_LENGTH,
        nullable=True,
    )
    short_name: str = fields.text("Common abbreviation.", min_length=1, nullable=True)
    autonomous: bool = pa.Field(
        nullable=True,
        description="Whether the college publishes its own results, so that only older batches "
        "have result pages.",
    )
    inferred: bool = _inferred()
    _named = _named_unless_inferred()


class Branches(fields.TableModel):
    """One row per branch: digits seven to nine of a hall ticket."""

    branch_code: str = fields.branch_code(unique=True)
    name: str = fields.text(
        "Full name of the branch.", min_length=1, max_length=fields.MAX_NAME_LENGTH, nullable=True
    )
    short_name: str = fields.text("Common abbreviation.", min_length=1, nullable=True)
    inferred: bool = _inferred()
    _named = _named_unless_inferred()


class Subjects(fields.TableModel):
    """One row per subject code: usual name, credits and semester, and the code it counts as."""

    subject_code: str = fields.subject_code(unique=True)
    subject_name: str = fields.text(
        "Usual name of the subject.",
        min_length=1,
        max_length=fields.MAX_SUBJECT_NAME_LENGTH,
        nullable=True,
    )
    credits: float = fields.credits_(
        "Usual credits of the subject.", nullable=True, maximum=fields.MAX_SUBJECT_CREDITS
    )
    semester: pl.Int16 = fields.semester("Semester, 1 to 8; null if unknown.", nullable=True)
    kind: str = pa.Field(
        isin=KINDS, nullable=True, description="Theory or laboratory; null if unknown."
    )
    counts_as: str = fields.subject_code(
        "Newest equivalent code, under which standings count the subject; null if it is the "
        "newest itself.",
        nullable=True,
    )
    inferred: bool = _inferred()
    _named = _named_unless_inferred("subject_name")


COLLEGES = Table("clean", "colleges", Colleges, ("college_code",))
BRANCHES = Table("clean", "branches", Branches, ("branch_code",))
SUBJECTS = Table("clean", "subjects", Subjects, ("subject_code",))
