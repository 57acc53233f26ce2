"""What every stored table looks like: one Pandera model per table, a module per schema.

From these models come the asset checks, the column schema in the UI, the column list of every
COPY and the types of every read. No I/O and no rules of computation here.
"""

from ouspark_assets.schemas.analytics import SEMESTER_GPAS, STANDINGS, STUDENT_CGPAS
from ouspark_assets.schemas.clean import APPEARANCES, MARKS, QUARANTINE, RESULTS, STUDENTS
from ouspark_assets.schemas.source import RELEASE_INDEX

PIPELINE_TABLES = (
    RELEASE_INDEX,
    APPEARANCES,
    RESULTS,
    MARKS,
    QUARANTINE,
    STUDENTS,
    STANDINGS,
    SEMESTER_GPAS,
    STUDENT_CGPAS,
)
PUBLISHED_TABLES = tuple(table for table in PIPELINE_TABLES if table.published)
