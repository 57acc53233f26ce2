from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl
import pytest

from ouspark_assets.cache.documents import build_documents
from ouspark_assets.cache.source_tables import SOURCES, PublishedTables
from ouspark_assets.schemas.analytics import (
    BACKLOGS,
    COLLEGE_RANKINGS,
    COLLEGE_STATS,
    DEMOGRAPHICS,
    DEPARTMENT_RANKINGS,
    DEPARTMENT_STATS,
    SEMESTER_GPAS,
    SEMESTER_STATS,
    STANDINGS,
    STUDENT_CGPAS,
    STUDENT_CREDITS,
    STUDENT_RANKINGS,
    SUBJECT_STATS,
)
from ouspark_assets.schemas.clean import STUDENTS
from ouspark_assets.schemas.reference import BRANCHES, COLLEGES, SUBJECTS
from ouspark_assets.schemas.table import Table

ONE, TWO, THREE = "160499733001", "160499733002", "160499733301"
GROUP = {"college_code": "1604", "branch_code": "733", "admission_year": 2099}
RELEASE = "20250402"


def rows(table: Table, *given: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of a table; values that are not given are null, zero or false."""
    nullable = {name: column.nullable for name, column in table.model.to_schema().columns.items()}
    empty = {name: None if nullable[name] else blank(dtype) for name, dtype in table.dtypes.items()}
    return pl.DataFrame([{**empty, **row} for row in given], schema=table.dtypes)


def blank(dtype: pl.DataType) -> object:
    if dtype == pl.Boolean:
        return False
    return 0 if dtype.is_numeric() else "x"


def standing(
    ticket: str, code: str, semester: int | None, grade: str, state: str
) -> dict[str, Any]:
    return {"hall_ticket": ticket, "subject_code": code, "semester": semester, "grade": grade,
            "state": state, "credits": 4.0, "first_release": RELEASE}  # fmt: skip


def rank(ticket: str, scope: str, value: float | None, place: int | None) -> dict[str, Any]:
    return {"hall_ticket": ticket, "scope": scope, "value": value, "rank": place, "out_of": 2,
            "unranked_because": None if place else "1 subject open"}  # fmt: skip


def cohort(**more: Any) -> dict[str, Any]:
    return {"students": 3, "with_cgpa": 2, "mean_cgpa": 8.5, "toppers": '[{"rank":1}]', **more}


SCOPES = ("class", "college", "branch", "university")
FRAMES = {
    STUDENTS: rows(
        STUDENTS,
        *(
            {**GROUP, "hall_ticket": ticket, "name": f"STUDENT {ticket[-1]}",
             "serial": int(ticket[-3:]), "father_name": "A FATHER",
             "lateral_entry": ticket == THREE}
            for ticket in (THREE, ONE, TWO)
        ),
    ),
    STANDINGS: rows(
        STANDINGS,
        standing(ONE, "201", 2, "F", "failed"),
        standing(ONE, "102", 1, "A", "passed"),
        standing(ONE, "101", 1, "S", "passed"),
        standing(ONE, "ELECTIVE", None, "B", "passed"),
        standing(TWO, "101", 1, "Ab", "absent"),
    ),
    SEMESTER_GPAS: rows(
        SEMESTER_GPAS,
        {"hall_ticket": ONE, "semester": 1, "credits": 8.0, "sgpa": 9.5, "state": "finished"},
        {"hall_ticket": ONE, "semester": 2, "credits": 4.0, "state": "open"},
        {"hall_ticket": TWO, "semester": 1, "credits": 4.0, "state": "open"},
    ),
    STUDENT_CGPAS: rows(
        STUDENT_CGPAS,
        {"hall_ticket": ONE, "cgpa": 9.5, "open_subjects": 1},
        {"hall_ticket": TWO, "cgpa": 8.0},
        {"hall_ticket": THREE, "cgpa": 8.0},
    ),
    STUDENT_CREDITS: rows(STUDENT_CREDITS, {"hall_ticket": ONE, "earned": 12.0, "open": 4.0}),
    STUDENT_RANKINGS: rows(
        STUDENT_RANKINGS,
        *(rank(ONE, scope, 9.5, None) for scope in SCOPES),
        *(rank(TWO, scope, 8.0, 1) for scope in SCOPES),
        *(rank(THREE, scope, 8.0, 1) for scope in SCOPES),
    ),
    BACKLOGS: rows(
        BACKLOGS,
        {"hall_ticket": ONE, "subject_code": "201", "semester": 2, "since_release": RELEASE},
    ),
    COLLEGES: rows(COLLEGES, {"college_code": "1604", "name": "A COLLEGE"}),
    BRANCHES: rows(BRANCHES, {"branch_code": "733", "name": "A BRANCH"}),
    SUBJECTS: rows(SUBJECTS, {"subject_code": "101", "subject_name": "MATHEMATICS"}),
    COLLEGE_STATS: rows(COLLEGE_STATS, {**GROUP, **cohort()}),
    DEPARTMENT_STATS: rows(DEPARTMENT_STATS, {**GROUP, **cohort()}),
    COLLEGE_RANKINGS: rows(COLLEGE_RANKINGS, {**GROUP, "n": 2, "rank": 1, "out_of": 1}),
    DEPARTMENT_RANKINGS: rows(DEPARTMENT_RANKINGS, {**GROUP, "n": 2, "rank": 1, "out_of": 1}),
    DEMOGRAPHICS: rows(
        DEMOGRAPHICS,
        {"dimension": "gender", "value": "FEMALE", "students": 3},
        {"dimension": "gender", "value": "FEMALE", "students": 2, "college_code": "1604"},
        {"dimension": "gender", "value": "FEMALE", "students": 1, **GROUP},
    ),
    SEMESTER_STATS: rows(
        SEMESTER_STATS,
        {"release": RELEASE, "semester": 1, "appeared": 2, "histogram": '{"8.0": 1}',
         "statuses": "{}"},
    ),
    SUBJECT_STATS: rows(
        SUBJECT_STATS, {"subject_code": "101", "release": RELEASE, "grades": '{"S": 1}'}
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    """Return every document, decoded, by kind and name."""
    tables = PublishedTables.from_frames(
        {table: FRAMES.get(table, table.empty()) for table in SOURCES}
    )
    return {
        documents.kind: {
            name: orjson.loads(document)
            for frame in documents.batches()
            for name, document in frame.select("name", "document").iter_rows()
        }
        for documents in build_documents(tables, top=1)
    }


def test_a_student_document_has_semesters_in_order_with_their_subjects(
    documents: dict[str, dict[str, Any]],
) -> None:
    student = documents["student"][ONE]
    assert [
        (
            semester["semester"],
            semester["sgpa"],
            [subject["subject_code"] for subject in semester["subjects"]],
        )
        for semester in student["semesters"]
    ] == [(1, 9.5, ["101", "102"]), (2, None, ["201"]), (None, None, ["ELECTIVE"])]
    subject = student["semesters"][0]["subjects"][0]
    assert (subject["subject_name"], subject["grade"]) == ("MATHEMATICS", "S")


def test_a_student_document_has_details_cgpa_credits_ranks_and_backlogs(
    documents: dict[str, dict[str, Any]],
) -> None:
    student = documents["student"][ONE]
    assert (student["class"], student["college"], student["branch"]) == (
        "1604-733-2099",
        "A COLLEGE",
        "A BRANCH",
    )
    assert (student["cgpa"], student["credits"]["earned"]) == (9.5, 12.0)
    assert student["ranks"]["class"]["unranked_because"] == "1 subject open"
    assert documents["student"][TWO]["ranks"]["university"]["rank"] == 1
    assert [backlog["subject_code"] for backlog in student["backlogs"]] == ["201"]


def test_a_student_without_standings_has_empty_lists(documents: dict[str, dict[str, Any]]) -> None:
    student = documents["student"][THREE]
    assert (student["semesters"], student["backlogs"], student["credits"]) == ([], [], None)


def test_no_document_contains_a_fathers_name(documents: dict[str, dict[str, Any]]) -> None:
    assert b"A FATHER" not in orjson.dumps(documents)
    assert "father_name" not in documents["student"][ONE]


def test_a_class_sheet_lists_its_students_by_hall_ticket(
    documents: dict[str, dict[str, Any]],
) -> None:
    sheet = documents["class"]["1604-733-2099"]
    assert [student["hall_ticket"] for student in sheet["students"]] == [ONE, TWO, THREE]
    assert (sheet["n"], sheet["students"][1]["rank"]) == (3, 1)


def test_a_ranking_includes_ties_and_counts_unranked_students(
    documents: dict[str, dict[str, Any]],
) -> None:
    names = ["class:1604-733-2099", "college:1604-2099", "branch:733-2099", "university:2099"]
    for name in names:
        ranking = documents["rankings"][name]
        assert [student["hall_ticket"] for student in ranking["top"]] == [TWO, THREE]
        assert (ranking["unranked"], ranking["out_of"]) == (1, 2)


def test_documents_of_groups_contain_statistics_and_nested_json(
    documents: dict[str, dict[str, Any]],
) -> None:
    college, department = documents["college"]["1604"], documents["department"]["1604-733"]
    assert college["years"][0]["toppers"] == [{"rank": 1}]
    assert college["years"][0]["ranking"]["rank"] == 1
    assert [department["department"] for department in college["departments"]] == ["1604-733"]
    assert [row["students"] for row in college["demographics"]] == [2]
    assert [row["students"] for row in department["demographics"]] == [1]
    assert documents["subject"]["101"]["releases"][0]["grades"] == {"S": 1}
    assert documents["release"][RELEASE]["semesters"][0]["histogram"] == {"8.0": 1}
    assert documents["rankings"]["colleges:2099"]["ranking"][0]["college"] == "A COLLEGE"


def test_the_announced_number_of_documents_is_correct() -> None:
    tables = PublishedTables.from_frames(
        {table: FRAMES.get(table, table.empty()) for table in SOURCES}
    )
    for documents in build_documents(tables, top=1):
        assert sum(frame.height for frame in documents.batches()) == documents.n


def test_empty_tables_yield_no_documents() -> None:
    tables = PublishedTables.from_frames({table: table.empty() for table in SOURCES})
    assert [documents.n for documents in build_documents(tables, top=1)] == [0] * 7
    assert [
        sum(f.height for f in documents.batches()) for documents in build_documents(tables, top=1)
    ] == [0] * 7
