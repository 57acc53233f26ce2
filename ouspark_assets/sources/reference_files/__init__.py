"""What codes stand for: CSV files that people edit, and what pages teach beyond them.

`colleges.csv`, `branches.csv` and `subjects.csv` hold facts only; a code that is not in them
becomes a row marked `inferred`. subjects.csv is for codes that don't tell their semester.
"""

from ouspark_assets.sources.reference_files.files import (
    ReferenceFileError,
    branches,
    colleges,
    subjects,
)
from ouspark_assets.sources.reference_files.inferring import subjects_with_learnt, with_inferred

__all__ = [
    "ReferenceFileError",
    "branches",
    "colleges",
    "subjects",
    "subjects_with_learnt",
    "with_inferred",
]
