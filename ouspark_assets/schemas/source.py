"""What is known of the university's releases: `source.release_index`."""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from ouspark_assets.domain.releases import ExamKind
from ouspark_assets.schemas import fields
from ouspark_assets.schemas.table import Table


class ReleaseIndex(pa.DataFrameModel):
    """One result link on the university's index page."""

    release: str = fields.release("Stem of the page's URL")
    title: str = pa.Field(description="The link's title as printed")
    url: str = pa.Field(description="Address of the results page")
    course: str = pa.Field(nullable=True, description="Course read from the title, as B.E.")
    scheme: str = pa.Field(nullable=True, description="CBCS, AICTE or Non-CBCS, from the title")
    exam_kind: str = pa.Field(
        isin=[kind.value for kind in ExamKind], description="main or revaluation"
    )
    revises: str = fields.release("The main release a revaluation is of", nullable=True)
    semesters: Annotated[pl.List, pl.Int16()] = pa.Field(
        nullable=True, description="Semesters the title lists"
    )
    session_month: pl.Int16 = pa.Field(
        nullable=True,
        in_range={"min_value": 1, "max_value": 12},
        description="Month of the examination session",
    )
    session_year: pl.Int16 = pa.Field(
        nullable=True,
        in_range={"min_value": 1990, "max_value": 2100},
        description="Year of the examination session",
    )
    published_on: pl.Date = pa.Field(nullable=True, description="Date in the index")
    first_seen_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(
        description="When this project first saw the link"
    )

    class Config:
        """Whole-table rules."""

        strict = True
        unique = ["release"]


RELEASE_INDEX = Table(
    "source",
    "release_index",
    ReleaseIndex,
    ("release",),
    provenance=("first_seen_at",),
    published=False,
)
