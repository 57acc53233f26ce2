"""Every published table of a made-up population, as the pipeline would have filled them."""

from collections.abc import Mapping
from dataclasses import fields

import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.bench.synthetic import Clean, clean_tables
from ouspark_assets.pipeline.aggregates import AGGREGATES
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.clean import APPEARANCES
from ouspark_assets.schemas.table import Table
from ouspark_assets.sources.reference_files import read_branches, read_colleges, read_subjects


def published_tables(students: int) -> Mapping[Table, pl.DataFrame]:
    """The frames of all published tables for this many students."""
    clean = clean_tables(students)
    frames = {each.name: getattr(clean, each.name) for each in fields(clean)}
    frames |= {
        "colleges": read_colleges(),
        "branches": read_branches(),
        "subjects": read_subjects(),
    }
    frames["appearances"] = _appearances(clean)
    for aggregate in AGGREGATES:
        frames[aggregate.table.name] = aggregate.compute(frames, Options())
    return {table: frames[table.name] for table in PUBLISHED_TABLES}


def _appearances(clean: Clean) -> pl.DataFrame:
    pages = clean.marks.select("release", "hall_ticket").unique()
    return APPEARANCES.conform(pages.join(clean.students, on="hall_ticket"))
