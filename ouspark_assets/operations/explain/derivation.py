"""Deriving an explanation from a student's stored rows.

Stored values are shown as stored. The attempt that counts and the sums behind SGPA and CGPA are
computed here, by the functions of `analytics/` that the pipeline uses too.
"""

import calendar
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import polars as pl

from ouspark_assets.analytics.attempts import add_release_order, compute_attempts
from ouspark_assets.analytics.packed_keys import (
    drop_semester,
    latest_rows,
    text_number,
    ticket_and_semester,
    unpack_semester,
)
from ouspark_assets.analytics.semester_gpas import SemesterState, sgpa, sum_semesters
from ouspark_assets.analytics.standings import find_effective_attempts
from ouspark_assets.analytics.student_cgpas import compute_cgpas
from ouspark_assets.domain.grades import OPEN_STATES, State
from ouspark_assets.domain.rounding import from_hundredths
from ouspark_assets.operations.explain.model import (
    Attempt,
    Backlog,
    Cgpa,
    Credits,
    Explanation,
    NoResult,
    QuarantineEntry,
    Rank,
    Revaluation,
    Semester,
    StudentDetails,
    StudentRecords,
    Subject,
    WeightedSum,
)
from ouspark_assets.schemas.analytics import REQUIREMENTS, SCOPES

EARNED_AT_LEAST = REQUIREMENTS[0]
Row = Mapping[str, Any]
T = TypeVar("T")


def explain_student(records: StudentRecords) -> Explanation:
    """Return the derivation of every stored number of a student."""
    subjects = _subjects(records)
    sums = sum_semesters(records.standings, ticket_and_semester())
    semesters = _semesters(records, subjects, sums)
    return Explanation(
        details=_details(records),
        subjects=subjects,
        semesters=semesters,
        cgpa=_cgpa(records, semesters, sums),
        credits=_credits(records.student_credits),
        ranks=tuple(
            _from_row(Rank, row)
            for row in records.student_rankings.sort(
                pl.col("scope").cast(pl.Enum(SCOPES))
            ).iter_rows(named=True)
        ),
        backlogs=_backlogs(records),
        revaluations=_revaluations(records),
        quarantine=tuple(
            _from_row(QuarantineEntry, row, reasons=tuple(row["reasons"]))
            for row in records.quarantine.iter_rows(named=True)
        ),
        no_results=tuple(
            _from_row(NoResult, row) for row in records.no_results.iter_rows(named=True)
        ),
    )


def _from_row(kind: type[T], row: Row, /, **values: object) -> T:
    """Return an object with these values; its other fields have the names of columns."""
    names = kind.__dataclass_fields__.keys() - values.keys()  # type: ignore[attr-defined]
    return kind(**{name: row[name] for name in names}, **values)


def _details(records: StudentRecords) -> StudentDetails:
    student = records.students.row(0, named=True)
    colleges = dict(records.colleges.select("college_code", "name").iter_rows())
    branches = dict(records.branches.select("branch_code", "name").iter_rows())
    return _from_row(
        StudentDetails,
        student,
        college=_code_and_name(student["college_code"], colleges),
        branch=_code_and_name(student["branch_code"], branches),
    )


def _code_and_name(code: str, names: Mapping[str, str | None]) -> str:
    name = names.get(code)
    return f"{code} {name}" if name else code


def _subjects(records: StudentRecords) -> tuple[Subject, ...]:
    """Return every subject with a standing or an attempt, by semester and code."""
    standings = {row["subject_code"]: row for row in records.standings.iter_rows(named=True)}
    attempts_of: dict[str, list[Row]] = {code: [] for code in standings}
    for row in _attempts(records).iter_rows(named=True):
        attempts_of.setdefault(row["counts_as"], []).append(row)
    names = _subject_names(records)
    subjects = [
        _subject(code, rows, standings.get(code), names.get(code))
        for code, rows in attempts_of.items()
    ]
    return tuple(
        sorted(subjects, key=lambda each: (each.semester is None, each.semester or 0, each.code))
    )


def _attempts(records: StudentRecords) -> pl.DataFrame:
    """Return the attempts in release order; `counts` marks those that standings are taken from."""
    tried = compute_attempts(records.marks, records.release_index, records.subjects)
    counting = find_effective_attempts(tried, text_number(tried["counts_as"]))["row"]
    releases = records.release_index.select("release", "exam_kind", "session_month", "session_year")
    return (
        tried.with_row_index("row")
        .with_columns(pl.col("row").is_in(counting.cast(pl.UInt32).implode()).alias("counts"))
        .join(releases, on="release", how="left", maintain_order="left")
        .sort("attempt_order", "row")
    )


def _subject_names(records: StudentRecords) -> dict[str, str | None]:
    """Return the name of each subject: the usual one, else as printed on the student's pages."""
    printed = dict(records.marks.select("subject_code", "subject_name").iter_rows())
    usual = dict(records.subjects.select("subject_code", "subject_name").iter_rows())
    return {**printed, **{code: name for code, name in usual.items() if name}}


def _subject(code: str, rows: Sequence[Row], stored: Row | None, name: str | None) -> Subject:
    counting = next((row for row in rows if row["counts"]), None)
    standing = stored or counting or {}
    derived = counting["grade"] if counting else None
    passes = [row for row in rows if row["state"] == State.PASSED.value]
    return _from_row(
        Subject,
        standing,
        code=code,
        name=name,
        older_codes=tuple(
            dict.fromkeys(row["subject_code"] for row in rows if row["subject_code"] != code)
        ),
        attempts=tuple(
            _from_row(
                Attempt,
                row,
                code=row["subject_code"],
                session=_session(row),
                kind=row["exam_kind"] or "not in the index",
            )
            for row in rows
        ),
        sittings=stored["attempts"] if stored else 0,
        rule=_rule(standing["state"], counting, passes),
        derived_grade=derived if stored is None or derived != stored["grade"] else None,
    )


def _session(row: Row) -> str:
    """Return the examination session, e.g. Aug 2024."""
    if row["session_year"] is None:
        return ""
    month = calendar.month_abbr[row["session_month"]] if row["session_month"] else ""
    return f"{month} {row['session_year']}".strip()


def _rule(state: str, counting: Row | None, passes: Sequence[Row]) -> str:
    """Return why the counting attempt is the one that counts."""
    if counting is None:
        return "its attempts are no longer stored"
    if not passes:
        pending = state == State.PENDING
        return "latest attempt, pending" if pending else "latest attempt, none passed"
    if len(passes) == 1:
        return "only pass"
    equal = sum(row["points"] == counting["points"] for row in passes)
    return f"latest of {equal} equal passes" if equal > 1 else f"best of {len(passes)} passes"


def _semesters(
    records: StudentRecords, subjects: tuple[Subject, ...], sums: pl.DataFrame
) -> tuple[Semester, ...]:
    derived = {
        row["semester"]: _from_row(WeightedSum, row)
        for row in _in_credits(sums.with_columns(sgpa().alias("value")))
        .with_columns(unpack_semester("key").alias("semester"))
        .iter_rows(named=True)
    }
    results = latest_rows(
        add_release_order(records.results, records.release_index), ticket_and_semester()
    )
    printed = dict(results.select("semester", "status").iter_rows())
    return tuple(
        _from_row(
            Semester,
            row,
            number=row["semester"],
            because=_because(row, subjects),
            sum=derived.get(row["semester"]) or WeightedSum(0.0, 0.0, None),
            status_printed=printed.get(row["semester"]),
            difference=None
            if row["sgpa"] is None or row["sgpa_printed"] is None
            else round(row["sgpa"] - row["sgpa_printed"], 2),
        )
        for row in records.semester_gpas.sort("semester").iter_rows(named=True)
    )


def _because(row: Row, subjects: tuple[Subject, ...]) -> str:
    """Return why a semester is finished, or the subjects that prevent it."""
    in_semester = [subject for subject in subjects if subject.semester == row["semester"]]
    if row["state"] == SemesterState.FINISHED:
        return f"all {len(in_semester)} subjects passed"
    open_ = [subject.code for subject in in_semester if subject.state in OPEN_STATES]
    pending = [subject.code for subject in in_semester if subject.state == State.PENDING]
    parts = [("open", open_), ("pending", pending)]
    return "; ".join(f"{state}: {', '.join(codes)}" for state, codes in parts if codes)


def _cgpa(
    records: StudentRecords, semesters: tuple[Semester, ...], sums: pl.DataFrame
) -> Cgpa | None:
    if records.student_cgpas.is_empty():
        return None
    row = records.student_cgpas.row(0, named=True)
    total = _in_credits(compute_cgpas(sums, drop_semester("key")).rename({"cgpa": "value"}))
    reasons = row["incomplete_because"]
    return Cgpa(
        value=row["cgpa"],
        sum=None if total.is_empty() else _from_row(WeightedSum, total.row(0, named=True)),
        semesters=tuple(
            semester.number for semester in semesters if semester.state == SemesterState.FINISHED
        ),
        missing=tuple(reasons.split("; ")) if reasons else (),
    )


def _in_credits(sums: pl.DataFrame) -> pl.DataFrame:
    """Convert the sums from hundredths of credits, in which they are computed exactly."""
    return sums.with_columns(from_hundredths(pl.col("credits", "weighted")))


def _credits(student_credits: pl.DataFrame) -> Credits | None:
    if student_credits.is_empty():
        return None
    row = student_credits.row(0, named=True)
    return _from_row(Credits, row, boundary_rule=_boundary_rule(row), met=row["meets_required"])


def _boundary_rule(row: Row) -> str | None:
    """Return what the next year boundary requires and how far the student is from it."""
    if row["boundary"] is None:
        return None
    if row["required"] is None:
        return "has no requirement yet: no credits of its year are known"
    required, counted, short = (f"{row[name]:g}" for name in ("required", "counted", "short_by"))
    if row["requirement"] == EARNED_AT_LEAST:
        requirement = f"requires at least {required} earned credits; {counted} are earned"
        shortfall = f"{short} more needed"
    else:
        requirement = f"allows backlogs of at most {required} credits; {counted} are open"
        shortfall = f"{short} too many"
    rule = f"{requirement}: {'met' if row['meets_required'] else shortfall}"
    return f"{rule} (provisional: the year is not complete)" if row["provisional"] else rule


def _backlogs(records: StudentRecords) -> tuple[Backlog, ...]:
    names = _subject_names(records)
    return tuple(
        _from_row(
            Backlog,
            row,
            code=row["subject_code"],
            name=names.get(row["subject_code"]),
            sittings=row["attempts"],
        )
        for row in records.backlogs.sort("semester", "subject_code").iter_rows(named=True)
    )


def _revaluations(records: StudentRecords) -> tuple[Revaluation, ...]:
    impact = add_release_order(records.revaluation_impact, records.release_index)
    return tuple(
        _from_row(Revaluation, row, code=row["subject_code"])
        for row in impact.sort("release_order", "subject_code").iter_rows(named=True)
    )
