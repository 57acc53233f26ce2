"""What is computed from the clean tables: a model per aggregate.

Per student in `students.py`, over students in `statistics.py`. `AGGREGATE_TABLES` lists all.
"""

from ouspark_assets.schemas.analytics.statistics import (
    COLLEGE_RANKINGS,
    COLLEGE_STATS,
    DEMOGRAPHICS,
    DEPARTMENT_RANKINGS,
    DEPARTMENT_STATS,
    SEMESTER_STATS,
    SUBJECT_STATS,
)
from ouspark_assets.schemas.analytics.students import (
    BACKLOGS,
    REVALUATION_IMPACT,
    SEMESTER_GPAS,
    STANDINGS,
    STUDENT_CGPAS,
    STUDENT_CREDITS,
    STUDENT_RANKINGS,
)

__all__ = [
    "AGGREGATE_TABLES",
    "BACKLOGS",
    "COLLEGE_RANKINGS",
    "COLLEGE_STATS",
    "DEMOGRAPHICS",
    "DEPARTMENT_RANKINGS",
    "DEPARTMENT_STATS",
    "REVALUATION_IMPACT",
    "SEMESTER_GPAS",
    "SEMESTER_STATS",
    "STANDINGS",
    "STUDENT_CGPAS",
    "STUDENT_CREDITS",
    "STUDENT_RANKINGS",
    "SUBJECT_STATS",
]

AGGREGATE_TABLES = (
    STANDINGS,
    SEMESTER_GPAS,
    STUDENT_CGPAS,
    STUDENT_CREDITS,
    STUDENT_RANKINGS,
    COLLEGE_STATS,
    DEPARTMENT_STATS,
    COLLEGE_RANKINGS,
    DEPARTMENT_RANKINGS,
    DEMOGRAPHICS,
    SEMESTER_STATS,
    SUBJECT_STATS,
    BACKLOGS,
    REVALUATION_IMPACT,
)
