"""One Pandera model per stored table, one module per database schema.

The models define the asset checks, the column descriptions in the UI, the columns of every COPY and
the types of every read. No I/O and no computation here.
"""

from ouspark_assets.schemas.analytics import AGGREGATE_TABLES
from ouspark_assets.schemas.clean import (
    APPEARANCES,
    MARKS,
    NO_RESULTS,
    QUARANTINE,
    RESULTS,
    STUDENTS,
)
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.source import RELEASE_INDEX

PIPELINE_TABLES = (
    RELEASE_INDEX,
    APPEARANCES,
    RESULTS,
    MARKS,
    NO_RESULTS,
    QUARANTINE,
    STUDENTS,
    COLLEGES,
    BRANCHES,
    SUBJECTS,
    *AGGREGATE_TABLES,
)
PUBLISHED_TABLES = tuple(table for table in PIPELINE_TABLES if table.published)
