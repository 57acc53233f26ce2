"""The documents: published frames in, (name, JSON) out per kind, as an app can show them.

Which kinds there are and in which batches they come; what is in them is `records.py` (students
and lists of them) and `pages.py` (colleges, departments, subjects, releases).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ouspark_assets.cache import pages, records
from ouspark_assets.cache.published import Published

STUDENTS_PER_BATCH = 5_000


@dataclass(frozen=True)
class Documents:
    """All documents of a kind: how many, and frames of `name` and `document`."""

    kind: str
    n: int
    batches: Callable[[], Iterator[pl.DataFrame]]


def documents(published: Published, top: int) -> Sequence[Documents]:
    """Every kind of document; the heaviest one is made batch by batch."""
    small = {
        "class": records.class_sheets(published),
        "rankings": pl.concat(
            [records.student_rankings(published, top), pages.group_rankings(published)]
        ),
        "college": pages.colleges(published),
        "department": pages.departments(published),
        "subject": pages.subjects(published),
        "release": pages.releases(published),
    }
    students = Documents("student", published.students.height, lambda: _students(published))
    return [students, *(_whole(kind, frame) for kind, frame in small.items())]


def _students(published: Published) -> Iterator[pl.DataFrame]:
    for part in published.parts(STUDENTS_PER_BATCH):
        yield records.students(part)


def _whole(kind: str, frame: pl.DataFrame) -> Documents:
    return Documents(kind, frame.height, lambda: iter([frame]))
