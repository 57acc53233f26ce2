"""Schema of the index of releases, `source.release_index`."""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table


class ReleaseIndex(fields.TableModel):
    """One row per release: a link to a results page on the university's index page."""

    release: str = fields.release("Key of the release: the file name in its URL.", unique=True)
    title: str = pa.Field(description="Title of the link as printed.")
    url: str = pa.Field(description="URL of the results page.")
    course: str = pa.Field(nullable=True, description="Course parsed from the title, e.g. B.E.")
    scheme: str = pa.Field(
        nullable=True, description="Scheme parsed from the title: CBCS, AICTE or Non-CBCS."
    )
    exam_kind: str = pa.Field(
        isin=[kind.value for kind in ExamKind],
        description="Whether the release is a main examination or a revaluation.",
    )
    revises: str = fields.release(
        "Main release that a revaluation revises; null if unclear.", nullable=True
    )
    semesters: Annotated[pl.List, pl.Int16()] = pa.Field(
        nullable=True, description="Semesters that the title lists."
    )
    session_month: pl.Int16 = pa.Field(
        nullable=True,
        in_range={"min_value": 1, "max_value": 12},
        description="Month of the examination session.",
    )
    session_year: pl.Int16 = pa.Field(
        nullable=True,
        in_range={"min_value": 1990, "max_value": 2100},
        description="Year of the examination session.",
    )
    published_on: pl.Date = pa.Field(
        nullable=True, description="Date of publication that the index page prints."
    )
    first_seen_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        description="When the index page was first seen with this link."
    )


RELEASE_INDEX = Table(
    "source",
    "release_index",
    ReleaseIndex,
    ("release",),
    provenance=("first_seen_at",),
    published=False,
)
