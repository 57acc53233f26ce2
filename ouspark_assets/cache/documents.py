"""The kinds of documents in a generation, and the batches that they are built in.

The documents themselves are built by `student_documents.py` (students, classes, rankings) and
`group_documents.py` (colleges, departments, subjects, releases).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ouspark_assets.cache import group_documents, student_documents
from ouspark_assets.cache.source_tables import PublishedTables

STUDENTS_PER_BATCH = 5_000


@dataclass(frozen=True)
class Documents:
    """All documents of a kind: their number, and batches with columns `name` and `document`."""

    kind: str
    n: int
    batches: Callable[[], Iterator[pl.DataFrame]]


def build_documents(tables: PublishedTables, top: int) -> Sequence[Documents]:
    """Return the documents of every kind; rankings contain the `top` first students.

    Students, by far the largest kind, are built batch by batch while they are iterated over.
    """

    def student_batches() -> Iterator[pl.DataFrame]:
        for part in tables.student_batches(STUDENTS_PER_BATCH):
            yield student_documents.students(part)

    def in_one_batch(kind: str, frame: pl.DataFrame) -> Documents:
        return Documents(kind, frame.height, lambda: iter([frame]))

    rankings = [
        student_documents.student_rankings(tables, top),
        group_documents.group_rankings(tables),
    ]
    return [
        Documents("student", tables.students.height, student_batches),
        in_one_batch("class", student_documents.class_sheets(tables)),
        in_one_batch("rankings", pl.concat(rankings)),
        in_one_batch("college", group_documents.colleges(tables)),
        in_one_batch("department", group_documents.departments(tables)),
        in_one_batch("subject", group_documents.subjects(tables)),
        in_one_batch("release", group_documents.releases(tables)),
    ]
