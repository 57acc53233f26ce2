"""Class sheets: rows, columns and totals; and workbooks without formulas."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ouspark_assets.reports.class_sheet import CellKind, Sheet, class_sheet
from ouspark_assets.reports.report_data import (
    ReportNames,
    ReportTables,
    latest_no_results,
    restrict_to_release,
    split_by_class,
    subject_totals,
)
from ouspark_assets.reports.workbook import FORMULA_PREFIXES, escape_formula, workbook_bytes
from ouspark_assets_tests.analytics.universities import (
    AUG_22,
    FEB_22,
    Mark,
    compute_aggregates,
    ticket,
)
from ouspark_assets_tests.support.factories import marks, results

ANN, BEN, CAT = ticket(1), ticket(2), ticket(3)
AS_OF = datetime(2025, 4, 2, tzinfo=UTC)
SPREADSHEET = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
GRADED = ("hall_ticket", "subject_code", "semester", "credits", "grade", "points", "state")


def names(**subjects: str) -> ReportNames:
    return ReportNames(
        {"1604": "A College"}, {"733": "A Branch"}, dict(subjects), AS_OF, "All releases"
    )


SAT = (
    (FEB_22, ANN, "101", 4, "S"),
    (FEB_22, ANN, "102", 3, "B"),
    (FEB_22, BEN, "101", 4, "F"),
    (FEB_22, BEN, "102", 3, "Ab"),
    (FEB_22, CAT, "101", 4, "-"),
    (FEB_22, CAT, "102", 3, "C"),
)


def report_tables(
    name: str = "ANN", sat: Sequence[Mark] = SAT, newer_codes: dict[str, str] | None = None
) -> ReportTables:
    found = compute_aggregates(sat, newer_codes=newer_codes)
    students = found["students"].with_columns(
        pl.when(pl.col("hall_ticket") == ANN).then(pl.lit(name)).otherwise("name").alias("name")
    )
    return ReportTables(
        release=None,
        students=students,
        grades=found["standings"].select(GRADED),
        semesters=found["semester_gpas"].select(
            "hall_ticket", "semester", "sgpa", pl.col("state").alias("status")
        ),
        cgpas=found["student_cgpas"].select("hall_ticket", "cgpa"),
        rankings=found["student_rankings"],
    )


def sheet(name: str = "ANN", **subjects: str) -> Sheet:
    ((key, tables),) = split_by_class(report_tables(name))
    return class_sheet(key, tables, names(**subjects))


def strings_of(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        root = etree.fromstring(book.read("xl/sharedStrings.xml"))
    return ["".join(item.itertext()) for item in root.findall("m:si", SPREADSHEET)]


def test_a_subject_whose_code_changed_is_one_column_under_its_newest_code() -> None:
    sat = [*SAT, (AUG_22, BEN, "BS101MT", 4, "C"), (AUG_22, BEN, "102", 3, "E")]
    tables = report_tables(sat=sat, newer_codes={"101": "BS101MT"})
    ((key, of_class),) = split_by_class(tables)
    built = class_sheet(key, of_class, names())
    assert built.headings[2:5] == ("102", "BS101MT", "SGPA 1")
    shown = {row[0].value: [cell.value for cell in row[2:4]] for row in built.rows}
    assert shown == {ANN: ["B", "S"], BEN: ["E", "C"], CAT: ["C", "-"]}
    # A report of a release has the codes that its pages print.
    rows = [
        {"hall_ticket": BEN, "release": AUG_22, "subject_code": code} for code in ("101", "251")
    ]
    printed = restrict_to_release(tables, AUG_22, marks(*rows), results({"hall_ticket": BEN}))
    assert set(printed.grades["subject_code"]) == {"101", "251"}


def test_a_sheet_has_a_row_per_student_and_a_column_per_subject() -> None:
    built = sheet()
    assert built.headings == (
        "Hall ticket", "Name", "101", "102", "SGPA 1", "CGPA", "Open subjects", "Pending",
        "Rank in class", "Remark",
    )  # fmt: skip
    shown = [tuple(cell.value for cell in row) for row in built.rows]
    # Ann: (4 × 10 + 3 × 8) / 7 = 9.142… → 9.14
    assert shown[0][:9] == (ANN, "ANN", "S", "B", 9.14, 9.14, 0, 0, 1)
    assert shown[1][2:9] == ("F", "Ab", None, None, 2, 0, None)
    assert shown[2][2:8] == ("-", "C", None, None, 0, 1)
    assert "1 pending subject" in str(shown[2][9])


def test_distinctions_failures_absences_and_pending_grades_have_their_kinds() -> None:
    rows = sheet().rows
    assert [rows[0][column].kind for column in (2, 3)] == [CellKind.DISTINCTION, CellKind.PLAIN]
    assert [rows[1][column].kind for column in (2, 3)] == [CellKind.FAILED, CellKind.ABSENT]
    assert rows[2][2].kind is CellKind.PENDING


def test_appeared_is_passed_plus_failed_without_absent_and_pending() -> None:
    totals = {row[1].value: [cell.value for cell in row[2:]] for row in sheet().totals}
    assert totals["Appeared"] == [2, 2]
    assert totals["Passed"] == [1, 2]
    assert (totals["Absent"], totals["Pending"]) == ([0, 1], [1, 0])
    # 101: S and F, one of two; points 10 and 0. 102: B and C.
    assert (totals["Pass %"], totals["Mean points"]) == ([50.0, 100.0], [5.0, 7.5])


def test_a_subject_in_which_everyone_was_absent_has_no_pass_percentage() -> None:
    absent = report_tables().grades.filter(pl.col("grade") == "Ab")
    assert subject_totals(absent, {}).select("appeared", "pass_percent").row(0) == (0, None)


def test_the_sheet_of_a_release_shows_what_its_pages_print() -> None:
    printed = restrict_to_release(
        report_tables(),
        AUG_22,
        marks({"release": AUG_22, "hall_ticket": BEN, "subject_code": "101", "grade": "D"}),
        results({"release": AUG_22, "hall_ticket": BEN, "sgpa_printed": 6.5}),
    )
    ((key, tables),) = split_by_class(printed)
    built = class_sheet(key, tables, names())
    assert [tuple(cell.value for cell in row) for row in built.rows] == [
        (BEN, f"STUDENT {BEN}", "D", 6.5, None, 0, 0)
    ]


def test_the_same_sheet_yields_the_same_bytes() -> None:
    assert workbook_bytes(sheet(), AS_OF) == workbook_bytes(sheet(), AS_OF)


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "=HYPERLINK()"])
def test_no_name_becomes_a_formula(evil: str) -> None:
    data = workbook_bytes(sheet(evil, **{"101": evil}), AS_OF)
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        pages = [book.read(name) for name in book.namelist() if "worksheets/sheet" in name]
    assert not any(b"<f>" in page for page in pages)
    assert evil not in strings_of(data)
    assert strings_of(data).count(f"'{evil}") == 1


@given(st.text())
def test_no_escaped_text_is_a_formula(text: str) -> None:
    assert not escape_formula(text).lstrip(" ").startswith(FORMULA_PREFIXES)
    assert escape_formula(text).endswith(text)


def test_headings_are_frozen_and_repeated_in_print() -> None:
    with zipfile.ZipFile(io.BytesIO(workbook_bytes(sheet(), AS_OF))) as book:
        page, workbook = book.read("xl/worksheets/sheet1.xml"), book.read("xl/workbook.xml")
    assert re.search(rb'<pane xSplit="2" ySplit="4"[^>]* state="frozen"', page)
    assert b'orientation="landscape"' in page
    assert b"_xlnm.Print_Titles" in workbook


DAN = ticket(4)


def without_result(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """Return rows of clean.no_results: ticket, release, sentence."""
    return pl.DataFrame(rows, schema=["hall_ticket", "release", "sentence"], orient="row")


def students_of(last_release: str) -> pl.DataFrame:
    return report_tables().students.with_columns(pl.lit(last_release).alias("last_release"))


def test_students_without_a_result_are_on_the_sheet_of_their_class_and_marked() -> None:
    tables = report_tables()
    rows = without_result((BEN, AUG_22, "Exam Fee Not Paid"), (DAN, AUG_22, "Withheld"))
    no_results = latest_no_results(rows, students_of(FEB_22), [FEB_22, AUG_22])
    ((key, of_class),) = split_by_class(replace(tables, no_results=no_results))
    built = class_sheet(key, of_class, names())
    by_ticket = {row[0].value: row for row in built.rows}
    assert list(by_ticket) == [ANN, BEN, CAT, DAN]
    assert [cell.value for cell in by_ticket[DAN]] == [
        DAN, None, None, None, None, None, None, None, None, f"no result in {AUG_22}: Withheld",
    ]  # fmt: skip
    # Ben keeps his grades of the release before.
    assert [cell.value for cell in by_ticket[BEN][2:4]] == ["F", "Ab"]
    remark = str(by_ticket[BEN][-1].value)
    assert remark.startswith(f"no result in {AUG_22}: Exam Fee Not Paid; no semester is finished")
    for ticket_, row in by_ticket.items():
        marked = row[0].kind is row[-1].kind is CellKind.NO_RESULT
        assert marked is (ticket_ in (BEN, DAN))
    assert "4 students, 2 of them without a result" in built.subtitle
    assert "no result" in strings_of(workbook_bytes(built, AS_OF))
    # They are not counted as students of the subjects.
    assert built.subjects.equals(sheet().subjects)


def test_a_student_who_got_a_result_later_has_no_such_line() -> None:
    rows = without_result(
        (ANN, FEB_22, "Withheld"), (BEN, AUG_22, "Withheld"), (DAN, FEB_22, "a"), (DAN, AUG_22, "b")
    )
    shown = latest_no_results(rows, students_of(FEB_22), [FEB_22, AUG_22])
    assert shown["hall_ticket", "sentence"].rows() == [(BEN, "Withheld"), (DAN, "b")]
    assert latest_no_results(rows, students_of(AUG_22), [FEB_22, AUG_22])[
        "hall_ticket"
    ].to_list() == [DAN]


def test_the_sheet_of_a_release_shows_the_students_without_a_result_in_it() -> None:
    no_results = without_result((BEN, AUG_22, "Exam Fee Not Paid"))
    printed = marks({"release": AUG_22, "hall_ticket": ANN, "subject_code": "101"})
    lines = results({"release": AUG_22, "hall_ticket": ANN})
    tables = restrict_to_release(report_tables(), AUG_22, printed, lines, no_results)
    ((key, of_class),) = split_by_class(tables)
    ann, ben = class_sheet(key, of_class, names()).rows
    assert ann[-1].value is None
    assert (ben[0].value, ben[1].value) == (BEN, report_tables().students["name"][1])
    assert ben[-1].value == f"no result in {AUG_22}: Exam Fee Not Paid"


def test_a_class_in_which_nobody_has_a_result_has_a_sheet_too() -> None:
    tables = replace(report_tables(), no_results=without_result(("245399735001", AUG_22, "Closed"))
                     .with_columns(pl.lit(None, pl.String).alias("name")))  # fmt: skip
    sheets = {str(key): class_sheet(key, part, names()) for key, part in split_by_class(tables)}
    (row,) = sheets["2453-735-2099"].rows
    assert row[-1].value == f"no result in {AUG_22}: Closed"
    assert workbook_bytes(sheets["2453-735-2099"], AS_OF)
