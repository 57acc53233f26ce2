"""Subjects: the attempts in release order, which of them counts, and the rule that chose it.

Which attempt counts is asked of `analytics/standings.py`; here it is only put into words.
"""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from ouspark_assets.analytics.attempts import compute_attempts
from ouspark_assets.analytics.packed_keys import text_number
from ouspark_assets.analytics.standings import find_effective_attempts
from ouspark_assets.domain.grades import State
from ouspark_assets.operations.explain.records import StudentRecords
from ouspark_assets.operations.explain.story import Attempt, Subject

Row = Mapping[str, Any]


def subjects(records: StudentRecords) -> tuple[Subject, ...]:
    """Every subject that has a standing or an attempt, by semester and code."""
    tried = _attempts(records)
    stored = {row["subject_code"]: row for row in records.standings.iter_rows(named=True)}
    rows: dict[str, list[Row]] = {code: [] for code in stored}
    for row in tried.iter_rows(named=True):
        rows.setdefault(row["subject_code"], []).append(row)
    known = names(records)
    told = [_subject(code, found, stored.get(code), known) for code, found in rows.items()]
    return tuple(sorted(told, key=lambda it: (it.semester is None, it.semester or 0, it.code)))


def names(records: StudentRecords) -> dict[str, str | None]:
    """A name for each subject: the usual one, else as the student's pages spell it."""
    printed = dict(records.marks.select("subject_code", "subject_name").iter_rows())
    usual = dict(records.subjects.select("subject_code", "subject_name").iter_rows())
    return {code: usual.get(code) or name for code, name in printed.items()}


def session(row: Row) -> str:
    """The examination session as people say it: Aug 2024."""
    if row["session_year"] is None:
        return ""
    month = calendar.month_abbr[row["session_month"]] if row["session_month"] else ""
    return f"{month} {row['session_year']}".strip()


def rule(state: str, counting: Row | None, passes: Sequence[Row]) -> str:
    """Why this attempt is the one that counts, in words."""
    if counting is None:
        return "no attempt of it is stored any more"
    if not passes:
        pending = state == State.PENDING
        return "latest, not decided yet" if pending else "latest, nothing passed"
    if len(passes) == 1:
        return "the only pass"
    equals = sum(row["points"] == counting["points"] for row in passes)
    return f"best pass, latest of {equals}" if equals > 1 else f"best of {len(passes)} passes"


def _attempts(records: StudentRecords) -> pl.DataFrame:
    """The attempts in release order; `counts` tells those that standings are taken from."""
    tried = compute_attempts(records.marks, records.release_index, records.subjects)
    counting = find_effective_attempts(tried, text_number(tried["subject_code"]))["row"]
    releases = records.release_index.select("release", "exam_kind", "session_month", "session_year")
    return (
        tried.with_row_index("row")
        .with_columns(pl.col("row").is_in(counting.cast(pl.UInt32).implode()).alias("counts"))
        .join(releases, on="release", how="left", maintain_order="left")
        .sort("release_order", "row")
    )


def _subject(
    code: str, tried: Sequence[Row], stored: Row | None, known: Mapping[str, str | None]
) -> Subject:
    counting = next((row for row in tried if row["counts"]), None)
    standing = stored or counting or {}
    derived = counting["grade"] if counting else None
    passes = [row for row in tried if row["state"] == State.PASSED.value]
    return Subject(
        code=code,
        name=known.get(code),
        semester=standing["semester"],
        credits=standing["credits"],
        attempts=tuple(_told(tried)),
        grade=standing["grade"],
        points=standing["points"],
        state=standing["state"],
        sittings=stored["attempts"] if stored else 0,
        rule=rule(standing["state"], counting, passes),
        derived_grade=derived if stored is None or derived != stored["grade"] else None,
    )


def _told(tried: Sequence[Row]) -> Iterator[Attempt]:
    for row in tried:
        yield Attempt(
            release=row["release"],
            session=session(row),
            kind=row["exam_kind"] or "unknown to the index",
            grade=row["grade"],
            points=row["points"],
            counts=row["counts"],
        )
