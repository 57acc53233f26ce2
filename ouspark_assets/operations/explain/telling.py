"""Telling a story: the stored numbers of a student, each with the derivation that gives it.

Sums, states and values are those of `analytics/`; whatever is stored is shown as stored.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from ouspark_assets.analytics.attempts import add_release_order
from ouspark_assets.analytics.packed_keys import (
    drop_semester,
    latest_rows,
    ticket_and_semester,
    unpack_semester,
)
from ouspark_assets.analytics.semester_gpas import SemesterState, sgpa, sum_semesters
from ouspark_assets.analytics.student_cgpas import compute_cgpas
from ouspark_assets.domain.grades import OPEN_STATES, State
from ouspark_assets.domain.rounding import from_hundredths
from ouspark_assets.operations.explain.records import StudentRecords
from ouspark_assets.operations.explain.story import (
    Backlog,
    Cgpa,
    Credits,
    Details,
    InQuarantine,
    Rank,
    Revaluation,
    Semester,
    Story,
    Subject,
    Sum,
)
from ouspark_assets.operations.explain.subjects import names, subjects
from ouspark_assets.schemas.analytics import REQUIREMENTS, SCOPES

EARNED_AT_LEAST = REQUIREMENTS[0]
Row = Mapping[str, Any]


def tell(records: StudentRecords) -> Story:
    """The story of the student whose rows these are."""
    told = subjects(records)
    sums = sum_semesters(records.standings, ticket_and_semester())
    semesters = _semesters(records, told, sums)
    return Story(
        details=_details(records),
        subjects=told,
        semesters=semesters,
        cgpa=_cgpa(records, semesters, sums),
        credits=_credits(records.student_credits),
        ranks=_ranks(records.student_rankings),
        backlogs=_backlogs(records),
        revaluations=_revaluations(records),
        quarantine=tuple(_in_quarantine(row) for row in records.quarantine.iter_rows(named=True)),
    )


def _details(records: StudentRecords) -> Details:
    student = records.students.row(0, named=True)
    colleges = dict(records.colleges.select("college_code", "name").iter_rows())
    branches = dict(records.branches.select("branch_code", "name").iter_rows())
    return Details(
        hall_ticket=student["hall_ticket"],
        name=student["name"],
        gender=student["gender"],
        course=student["course"],
        medium=student["medium"],
        college=_named(student["college_code"], colleges),
        branch=_named(student["branch_code"], branches),
        admission_year=student["admission_year"],
        serial=student["serial"],
        lateral_entry=student["lateral_entry"],
        last_release=student["last_release"],
    )


def _named(code: str, known: Mapping[str, str | None]) -> str:
    name = known.get(code)
    return f"{code} {name}" if name else code


def _semesters(
    records: StudentRecords, told: tuple[Subject, ...], sums: pl.DataFrame
) -> tuple[Semester, ...]:
    derived = {
        row["semester"]: _sum(row)
        for row in _in_credits(sums.with_columns(sgpa().alias("value")))
        .with_columns(unpack_semester("key").alias("semester"))
        .iter_rows(named=True)
    }
    lines = latest_rows(
        add_release_order(records.results, records.release_index), ticket_and_semester()
    )
    printed = dict(lines.select("semester", "status").iter_rows())
    rows = records.semester_gpas.sort("semester").iter_rows(named=True)
    return tuple(
        _semester(row, derived.get(row["semester"]), printed.get(row["semester"]), told)
        for row in rows
    )


def _semester(
    row: Row, derived: Sum | None, status: str | None, told: tuple[Subject, ...]
) -> Semester:
    ours, theirs = row["sgpa"], row["sgpa_printed"]
    both = ours is not None and theirs is not None
    return Semester(
        number=row["semester"],
        state=row["state"],
        because=_because(row, told),
        sgpa=ours,
        sum=derived or Sum(0.0, 0.0, None),
        sgpa_printed=theirs,
        status_printed=status,
        difference=round(ours - theirs, 2) if both else None,
    )


def _because(row: Row, told: tuple[Subject, ...]) -> str:
    """What makes a semester finished, or keeps it from being so."""
    of_it = [subject for subject in told if subject.semester == row["semester"]]
    if row["state"] == SemesterState.FINISHED:
        return f"all {len(of_it)} subjects passed"
    open_ = [it.code for it in of_it if it.state in OPEN_STATES]
    pending = [it.code for it in of_it if it.state == State.PENDING]
    parts = [("open", open_), ("pending", pending)]
    return "; ".join(f"{', '.join(codes)} {what}" for what, codes in parts if codes)


def _cgpa(
    records: StudentRecords, semesters: tuple[Semester, ...], sums: pl.DataFrame
) -> Cgpa | None:
    if records.student_cgpas.is_empty():
        return None
    row = records.student_cgpas.row(0, named=True)
    over = _in_credits(compute_cgpas(sums, drop_semester("key")).rename({"cgpa": "value"}))
    finished = [it.number for it in semesters if it.state == SemesterState.FINISHED]
    because = row["incomplete_because"]
    return Cgpa(
        value=row["cgpa"],
        sum=None if over.is_empty() else _sum(over.row(0, named=True)),
        semesters=tuple(finished),
        missing=tuple(because.split("; ")) if because else (),
    )


def _in_credits(sums: pl.DataFrame) -> pl.DataFrame:
    return sums.with_columns(from_hundredths(pl.col("credits", "weighted")))


def _sum(row: Row) -> Sum:
    return Sum(row["weighted"], row["credits"], row["value"])


def _credits(student_credits: pl.DataFrame) -> Credits | None:
    if student_credits.is_empty():
        return None
    row = student_credits.row(0, named=True)
    return Credits(
        attempted=row["attempted"],
        earned=row["earned"],
        open=row["open"],
        pending=row["pending"],
        boundary=row["boundary"],
        boundary_rule=_boundary_rule(row),
        met=row["meets_required"],
    )


def _boundary_rule(row: Row) -> str | None:
    if row["boundary"] is None:
        return None
    if row["required"] is None:
        return "asks for nothing yet: no credits of its year are known"
    required, counted, short = (f"{row[name]:g}" for name in ("required", "counted", "short_by"))
    if row["requirement"] == EARNED_AT_LEAST:
        asked = f"asks for at least {required} credits earned; {counted} are"
        still = f"{short} still to be earned"
    else:
        asked = f"allows at most {required} credits of backlogs; {counted} are open"
        still = f"{short} still to be cleared"
    told = f"{asked}: {'met' if row['meets_required'] else still}"
    return f"{told} so far, the year is not sat to its end yet" if row["provisional"] else told


def _ranks(student_rankings: pl.DataFrame) -> tuple[Rank, ...]:
    in_order = student_rankings.sort(pl.col("scope").cast(pl.Enum(SCOPES)))
    rows = in_order.select(Rank.__dataclass_fields__.keys()).iter_rows(named=True)
    return tuple(Rank(**row) for row in rows)


def _backlogs(records: StudentRecords) -> tuple[Backlog, ...]:
    known = names(records)
    return tuple(
        Backlog(
            code=row["subject_code"],
            name=known.get(row["subject_code"]),
            semester=row["semester"],
            credits=row["credits"],
            since_release=row["since_release"],
            sittings=row["attempts"],
            state=row["state"],
        )
        for row in records.backlogs.sort("semester", "subject_code").iter_rows(named=True)
    )


def _revaluations(records: StudentRecords) -> tuple[Revaluation, ...]:
    impact = add_release_order(records.revaluation_impact, records.release_index)
    same = [name for name in Revaluation.__dataclass_fields__ if name != "code"]
    return tuple(
        Revaluation(code=row["subject_code"], **{name: row[name] for name in same})
        for row in impact.sort("release_order", "subject_code").iter_rows(named=True)
    )


def _in_quarantine(row: Row) -> InQuarantine:
    return InQuarantine(
        id=row["id"],
        release=row["release"],
        table_name=row["table_name"],
        reasons=tuple(row["reasons"]),
        first_seen_at=row["first_seen_at"],
    )
