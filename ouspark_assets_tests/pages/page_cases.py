"""What a case is: a page and the rows it must give. The cases themselves are in `cases_of_*`."""

from dataclasses import dataclass, field, replace
from typing import Any

from ouspark_assets_tests.pages.page_builder import ResultPage

PLAIN = ResultPage()
# subject_code, subject_name, semester, credits, grade, points, points_derived
MARKS = [
    ("501", "SOFTWARE ENGINEERING", 5, 3.0, "S", 10, False),
    ("552", "NETWORKS LAB", 5, 1.5, "B", 8, False),
    ("405", "SIGNALS", 4, 4.0, "F", 0, False),
]
DERIVED = [(*row[:-1], True) for row in MARKS]
# semester, status, sgpa_printed, cgpa_printed
RESULTS = [(4, "ALREADY PROMOTED", None, None), (5, "PROMOTED", 9.33, None)]
DETAILS = ("ZEBA TESTWALA", "OMAR TESTWALA", "FEMALE", "BE(CBCS)", "ENGLISH")

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """A page and what becomes of it; without other words, what becomes of the plain page."""

    name: str
    body: bytes
    marks: Rows = field(default_factory=lambda: list(MARKS))
    results: Rows = field(default_factory=lambda: list(RESULTS))
    details: tuple[str | None, ...] | None = DETAILS
    rejected: list[tuple[str, list[str]]] = field(default_factory=list)
    collapsed: int = 0


def with_mark(*cells: str) -> bytes:
    """The plain page with one subject row more."""
    return replace(PLAIN, marks=(*PLAIN.marks, cells)).body()


def with_result(*cells: str, mark: tuple[str, ...] = ("601", "", "3", "9", "A")) -> bytes:
    """A page with one semester line, of a semester without a fail."""
    return replace(PLAIN, marks=(mark,), results=(cells,)).body()


def accepted_mark(name: str, cells: tuple[str, ...], row: tuple[Any, ...]) -> Case:
    """A page with one more subject row, which is accepted."""
    return Case(name, with_mark(*cells), marks=[*MARKS, row])


def rejected_mark(name: str, cells: tuple[str, ...], *reasons: str) -> Case:
    """A page with one more subject row, which is not."""
    return Case(name, with_mark(*cells), rejected=[("marks", list(reasons))])


def one_result(name: str, cells: tuple[str, ...], *rows: tuple[Any, ...]) -> Case:
    """A page whose one semester line is accepted."""
    return Case(name, with_result(*cells), marks=[SIXTH], results=list(rows))


def rejected_result(name: str, cells: tuple[str, ...], *reasons: str) -> Case:
    """A page whose one semester line is not."""
    return Case(
        name,
        with_result(*cells),
        marks=[SIXTH],
        results=[],
        rejected=[("results", list(reasons))],
    )


def unusable(name: str, body: bytes, *reasons: str) -> Case:
    """A page that is rejected as a whole."""
    return Case(name, body, marks=[], results=[], details=None, rejected=[("pages", list(reasons))])


def details(case: str, row: int, cells: tuple[str, ...], **changed: str | None) -> Case:
    """A page with one row of personal details replaced."""
    personal = [*PLAIN.personal]
    personal[row] = cells
    names = ("name", "father_name", "gender", "course", "medium")
    expected = {**dict(zip(names, DETAILS, strict=True)), **changed}
    return Case(
        case,
        replace(PLAIN, personal=tuple(personal)).body(),
        details=tuple(expected.values()),
    )


SIXTH = ("601", None, 6, 3.0, "A", 9, False)
CONFLICT = "the page has other rows with the same key and different content"
