"""Variants of result pages, each with the records and the quarantine records expected from it."""

from dataclasses import dataclass, field, replace
from typing import Any

from ouspark_assets_tests.pages.page_builder import (
    FOUR_COLUMNS,
    OTHER_TICKET,
    TICKET,
    ResultPage,
    notice_page,
)

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
    """A page and the expected records; the defaults are the records of the plain page."""

    name: str
    body: bytes
    marks: Rows = field(default_factory=lambda: list(MARKS))
    results: Rows = field(default_factory=lambda: list(RESULTS))
    details: tuple[str | None, ...] | None = DETAILS
    rejected: list[tuple[str, list[str]]] = field(default_factory=list)
    collapsed: int = 0


def with_mark(*cells: str) -> bytes:
    """Return the plain page with one additional subject row."""
    return replace(PLAIN, marks=(*PLAIN.marks, cells)).body()


def with_result(*cells: str, mark: tuple[str, ...] = ("601", "", "3", "9", "A")) -> bytes:
    """Return a page with a single semester line and a passed subject in that semester."""
    return replace(PLAIN, marks=(mark,), results=(cells,)).body()


def accepted_mark(name: str, cells: tuple[str, ...], row: tuple[Any, ...]) -> Case:
    """Return a page with one additional subject row, which is accepted."""
    return Case(name, with_mark(*cells), marks=[*MARKS, row])


def rejected_mark(name: str, cells: tuple[str, ...], *reasons: str) -> Case:
    """Return a page with one additional subject row, which is rejected."""
    return Case(name, with_mark(*cells), rejected=[("marks", list(reasons))])


def accepted_result(name: str, cells: tuple[str, ...], *rows: tuple[Any, ...]) -> Case:
    """Return a page whose only semester line is accepted."""
    return Case(name, with_result(*cells), marks=[SIXTH], results=list(rows))


def rejected_result(name: str, cells: tuple[str, ...], *reasons: str) -> Case:
    """Return a page whose only semester line is rejected."""
    return Case(
        name,
        with_result(*cells),
        marks=[SIXTH],
        results=[],
        rejected=[("results", list(reasons))],
    )


def rejected_page(name: str, body: bytes, *reasons: str) -> Case:
    """Return a page that is rejected as a whole."""
    return Case(name, body, marks=[], results=[], details=None, rejected=[("pages", list(reasons))])


def changed_details(case: str, row: int, cells: tuple[str, ...], **changed: str | None) -> Case:
    """Return the plain page with one row of personal details replaced."""
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


TABLE_CASES = [
    Case("the plain page", PLAIN.body()),
    Case(
        "four columns, points from the grade",
        replace(
            PLAIN,
            marks_header=FOUR_COLUMNS,
            marks=tuple((*row[:3], row[4]) for row in PLAIN.marks),
        ).body(),
        marks=DERIVED,
    ),
    Case(
        "columns in another order",
        replace(
            PLAIN,
            marks_header=PLAIN.marks_header[::-1],
            marks=tuple(row[::-1] for row in PLAIN.marks),
        ).body(),
    ),
    Case("ids in lower case", replace(PLAIN, ids=("autonumber3", "AUTONUMBER4", "auton")).body()),
    Case("no ids at all", replace(PLAIN, ids=("", "", "")).body()),
    Case("ids of the wrong tables", replace(PLAIN, ids=("AutoNumber5", "", "AutoNumber4")).body()),
    Case("personal details left open", replace(PLAIN, personal_ends="").body()),
    Case("marks left open", replace(PLAIN, marks_ends="").body()),
    Case(
        "personal details and marks left open",
        replace(PLAIN, personal_ends="", marks_ends="").body(),
    ),
    Case(
        "marks in the table of the personal details",
        replace(PLAIN, ids=("AutoNumber3", "", ""))
        .body()
        .replace(b'</table></td></tr>\n<tr><td><table border="1">', b""),
    ),
    Case(
        "tables with tbody",
        PLAIN.body()
        .replace(b"</table>", b"</tbody></table>")
        .replace(b'AutoNumber4">', b'AutoNumber4"><tbody>'),
    ),
    Case(
        "closing tags of rows and cells left out",
        PLAIN.body().replace(b"</tr>", b"").replace(b"</td>", b""),
    ),
    Case(
        "header cells as th",
        PLAIN.body().replace(b'<td width="10%%"><font>Credits</font></td>', b"<th>Credits</th>"),
    ),
    Case("tags in upper case", PLAIN.body().replace(b"<td", b"<TD").replace(b"</td", b"</TD")),
    Case(
        "headers in another case, with colons",
        replace(
            PLAIN,
            marks_header=(
                "SUB CODE",
                "Subject Name :",
                "credits.",
                "Grade  Points",
                "Grade Secured",
            ),
        ).body(),
    ),
    Case(
        "an alternative spelling of the SGPA header",
        replace(PLAIN, results_header=("Semester", "Result with SGPA", "Over all CGPA")).body(),
    ),
    Case(
        "an additional unknown column",
        replace(
            PLAIN,
            marks_header=(*PLAIN.marks_header, "Remarks"),
            marks=tuple((*row, "see notice") for row in PLAIN.marks),
        ).body(),
    ),
    Case(
        "the header repeated in the middle",
        replace(PLAIN, marks=(PLAIN.marks[0], PLAIN.marks_header, *PLAIN.marks[1:])).body(),
    ),
    Case(
        "a note across the marks table",
        PLAIN.body().replace(
            b"Grade Secured</font></td></tr>",
            b'Grade Secured</font></td></tr><tr><td colspan="5">* subject to approval</td></tr>',
        ),
    ),
]


BLANK_MARK = ("", "", "", "", "")

MARKS_CASES = [
    Case(
        "blank rows",
        replace(
            PLAIN,
            marks=(BLANK_MARK, *PLAIN.marks, BLANK_MARK),
            results=(*PLAIN.results, ("", "", ""), ("", "   ", "")),
        ).body(),
    ),
    Case(
        "a repeated row", replace(PLAIN, marks=(*PLAIN.marks, PLAIN.marks[1])).body(), collapsed=1
    ),
    Case(
        "a repeated row with a number in another notation",
        with_mark("501", "SOFTWARE ENGINEERING", "3.0", "10.0", "S"),
        collapsed=1,
    ),
    Case(
        "two contradicting rows of the same subject",
        with_mark("501", "SOFTWARE ENGINEERING", "3", "9", "A"),
        marks=MARKS[1:],
        rejected=[("marks", [CONFLICT])] * 2,
    ),
    Case(
        "a valid and an invalid row of the same subject",
        with_mark("501", "SOFTWARE ENGINEERING", "x", "10", "S"),
        marks=MARKS[1:],
        rejected=[
            ("marks", [CONFLICT]),
            (
                "marks",
                [
                    "credits can't be read",
                    CONFLICT,
                ],
            ),
        ],
    ),
    accepted_mark(
        "no credits",
        ("502", "ENVIRONMENT", "=", "9", "A"),
        ("502", "ENVIRONMENT", 5, 0.0, "A", 9, False),
    ),
    accepted_mark(
        "credits with decimals", ("502", "X", "4.0", "9", "A"), ("502", "X", 5, 4.0, "A", 9, False)
    ),
    accepted_mark("absent", ("402", "X", "3", "0", "Ab"), ("402", "X", 4, 3.0, "Ab", 0, False)),
    accepted_mark(
        "absent in capitals, letters for points",
        ("402", "X", "3", "AB", "AB"),
        ("402", "X", 4, 3.0, "Ab", 0, True),
    ),
    accepted_mark(
        "failed by absence", ("402", "X", "3", "0", "F AB"), ("402", "X", 4, 3.0, "Ab", 0, False)
    ),
    accepted_mark(
        "fail in full", ("402", "X", "3", "0", "FAIL"), ("402", "X", 4, 3.0, "F", 0, False)
    ),
    accepted_mark(
        "the grade in the points column",
        ("502", "X", "3", "A", "A"),
        ("502", "X", 5, 3.0, "A", 9, True),
    ),
    accepted_mark("blank points", ("502", "X", "3", "", "A"), ("502", "X", 5, 3.0, "A", 9, True)),
    accepted_mark(
        "a dash for points", ("502", "X", "3", "-", "A"), ("502", "X", 5, 3.0, "A", 9, True)
    ),
    *[
        accepted_mark(
            f"{dashes} for an empty value",
            ("502", dashes, "3", dashes, dashes),
            ("502", None, 5, 3.0, "", None, False),
        )
        for dashes in ("-", "--", "---")
    ],
    accepted_mark(
        "points with decimals", ("502", "X", "3", "9.00", "A"), ("502", "X", 5, 3.0, "A", 9, False)
    ),
    accepted_mark(
        "an unknown grade",
        ("502", "X", "3", "", "Result Later"),
        ("502", "X", 5, 3.0, "Result Later", None, False),
    ),
    accepted_mark(
        "an unknown grade with no points",
        ("502", "X", "3", "0", "MP"),
        ("502", "X", 5, 3.0, "MP", None, False),
    ),
    accepted_mark("no grade yet", ("502", "X", "3", "", ""), ("502", "X", 5, 3.0, "", None, False)),
    accepted_mark(
        "a grade in lower case", ("502", "X", "3", "9", "a"), ("502", "X", 5, 3.0, "A", 9, False)
    ),
    accepted_mark(
        "a code with a letter", ("287a", "X", "3", "9", "A"), ("287A", "X", 2, 3.0, "A", 9, False)
    ),
    accepted_mark(
        "a code with two letters",
        ("501CS", "X", "3", "9", "A"),
        ("501CS", "X", 5, 3.0, "A", 9, False),
    ),
    accepted_mark(
        "a code with three letters",
        ("501CSE", "X", "3", "9", "A"),
        ("501CSE", "X", None, 3.0, "A", 9, False),
    ),
    accepted_mark(
        "a code without a semester",
        ("FP&amp;S2", "X", "3", "9", "A"),
        ("FP&S2", "X", None, 3.0, "A", 9, False),
    ),
    accepted_mark(
        "an entity escaped twice",
        ("502", "M &amp;amp; I", "3", "9", "A"),
        ("502", "M & I", 5, 3.0, "A", 9, False),
    ),
    accepted_mark(
        "no subject name", ("502", "", "3", "9", "A"), ("502", None, 5, 3.0, "A", 9, False)
    ),
    accepted_mark(
        "non-breaking spaces in a name",
        ("502", "A&nbsp; &nbsp;B", "3", "9", "A"),
        ("502", "A B", 5, 3.0, "A", 9, False),
    ),
    accepted_mark(
        "wide digits as entities",
        ("&#65301;&#65296;&#65298;", "X", "&#65299;", "9", "A"),
        ("502", "X", 5, 3.0, "A", 9, False),
    ),
    rejected_mark(
        "points of another grade", ("502", "X", "3", "8", "A"), "broken rule: points fit the grade"
    ),
    rejected_mark(
        "the letter of another grade",
        ("502", "X", "3", "B", "A"),
        "the points column shows another grade",
    ),
    rejected_mark(
        "points for an undecided grade",
        ("502", "X", "3", "9", "A+"),
        "broken rule: points fit the grade",
    ),
    rejected_mark(
        "points above the scale",
        ("502", "X", "3", "90", "A"),
        "points is not between 0 and 10",
        "broken rule: points fit the grade",
    ),
    rejected_mark(
        "points that are not a number", ("502", "X", "3", "#REF!", "A"), "points can't be read"
    ),
    rejected_mark("credits missing", ("502", "X", "", "9", "A"), "credits is missing"),
    rejected_mark(
        "credits that are not a number", ("502", "X", "three", "9", "A"), "credits can't be read"
    ),
    rejected_mark(
        "credits above the limit", ("502", "X", "45", "9", "A"), "credits is more than 30"
    ),
    rejected_mark("negative credits", ("502", "X", "-3", "9", "A"), "credits can't be read"),
    rejected_mark("infinite credits", ("502", "X", "inf", "9", "A"), "credits can't be read"),
    rejected_mark("no subject code", ("", "X", "3", "9", "A"), "subject_code is missing"),
    rejected_mark(
        "everything wrong at once",
        ("5" * 30, "X", "45", "8", "A"),
        "subject_code does not have 1 to 20 characters",
        "credits is more than 30",
        "broken rule: points fit the grade",
    ),
    rejected_mark(
        "fewer cells than columns",
        ("502", "X", "3", "9"),
        "the row has fewer cells than its header",
    ),
    rejected_mark(
        "more cells than columns",
        ("502", "X", "3", "9", "A", "B"),
        "the row has more cells than its header",
    ),
    Case(
        "a repeated row that can't be read",
        replace(PLAIN, marks=(*PLAIN.marks, *[("502", "X", "three", "9", "A")] * 3)).body(),
        rejected=[("marks", ["credits can't be read"])],
        collapsed=2,
    ),
    Case(
        "repeated and different rows with too few cells",
        replace(PLAIN, marks=(*PLAIN.marks, *[("502", "X")] * 2, ("503", "X"))).body(),
        rejected=[("marks", ["the row has fewer cells than its header"])] * 2,
        collapsed=1,
    ),
    Case(
        "blank cells beyond the last column",
        with_mark("502", "X", "3", "9", "A", "", ""),
        marks=[*MARKS, ("502", "X", 5, 3.0, "A", 9, False)],
    ),
]


RESULT_CASES = [
    accepted_result("passed", ("6", "  PASSED-8.38 ", "-"), (6, "PASSED", 8.38, None)),
    accepted_result("trailing zeros dropped", ("6", "PASSED-8", "-"), (6, "PASSED", 8.0, None)),
    accepted_result("blanks around the dash", ("6", "PASSED - 9.1", "-"), (6, "PASSED", 9.1, None)),
    accepted_result("no dash", ("6", "PASSED 9.1", "-"), (6, "PASSED", 9.1, None)),
    accepted_result("a long dash", ("6", "PASSED&#8211;9.1", "&#8212;"), (6, "PASSED", 9.1, None)),
    accepted_result("promoted", ("6", "PROMOTED--", "-"), (6, "PROMOTED", None, None)),
    accepted_result(
        "already promoted", ("6", "ALREADY PROMOTED--", "-"), (6, "ALREADY PROMOTED", None, None)
    ),
    accepted_result("completed", ("6", "COMPLETED-7.05", "-"), (6, "COMPLETED", 7.05, None)),
    accepted_result("detained", ("6", "DETAINED", "-"), (6, "DETAINED", None, None)),
    accepted_result("a status without a separator", ("6", "PASSED", ""), (6, "PASSED", None, None)),
    accepted_result("a status in lower case", ("6", "Passed-8", "-"), (6, "PASSED", 8.0, None)),
    accepted_result("an unknown status", ("6", "With-held", "-"), (6, "With-held", None, None)),
    accepted_result("a CGPA at the end", ("8", "PASSED-8.38", "8.11"), (8, "PASSED", 8.38, 8.11)),
    accepted_result(
        "the result in the third cell", ("6", "", "PASSED-8.38"), (6, "PASSED", 8.38, None)
    ),
    accepted_result(
        "a status in the third cell", ("6", "-", "PROMOTED"), (6, "PROMOTED", None, None)
    ),
    *[
        accepted_result(
            f"{dashes} for no CGPA", ("6", "PASSED-8.38", dashes), (6, "PASSED", 8.38, None)
        )
        for dashes in ("--", "---")
    ],
    accepted_result("no CGPA cell", ("6", "PASSED-8.38"), (6, "PASSED", 8.38, None)),
    *[
        accepted_result(
            f"semester as {text}", (text, "PASSED-8", "-"), (number, "PASSED", 8.0, None)
        )
        for text, number in [
            ("III", 3),
            ("3", 3),
            ("03", 3),
            ("Semester 3", 3),
            ("3 SEM", 3),
            ("III SEM.", 3),
            ("SEM-3", 3),
            ("3SEM", 3),
            ("viii", 8),
            ("Sem VI", 6),
        ]
    ],
    rejected_result("an invalid semester", ("X1", "PASSED-8", "-"), "semester can't be read"),
    rejected_result("semester 9", ("9", "PASSED-8", "-"), "semester is not between 1 and 8"),
    rejected_result("no semester", ("", "PASSED-8", "-"), "semester is missing"),
    rejected_result("no status", ("6", "", "-"), "status is missing"),
    rejected_result("an SGPA without a status", ("6", "-8.38", "-"), "status is missing"),
    rejected_result(
        "an SGPA above the scale",
        ("6", "PASSED-83.8", "-"),
        "sgpa_printed is not between 0 and 10",
    ),
    rejected_result(
        "an SGPA that is not a number", ("6", "PASSED-8.3.8", "-"), "sgpa_printed can't be read"
    ),
    rejected_result(
        "a CGPA that is not a number", ("6", "PASSED-8", "8,11"), "cgpa_printed can't be read"
    ),
    rejected_result(
        "a line with only a semester", ("6",), "the row has fewer cells than its header"
    ),
    Case(
        "an SGPA printed together with a fail",
        with_result("6", "PROMOTED-8", "-", mark=("601", "", "3", "0", "F")),
        marks=[("601", None, 6, 3.0, "F", 0, False)],
        results=[],
        rejected=[
            (
                "results",
                ["an SGPA is printed although the page shows a fail in that semester"],
            )
        ],
    ),
    Case(
        "two contradicting lines of the same semester",
        replace(PLAIN, results=(*PLAIN.results, ("V", "PROMOTED--", "-"))).body(),
        results=RESULTS[:1],
        rejected=[("results", [CONFLICT])] * 2,
    ),
    Case(
        "the same line twice",
        replace(PLAIN, results=(*PLAIN.results, ("V", "PROMOTED - 9.33", ""))).body(),
        collapsed=1,
    ),
    Case(
        "lines by year",
        replace(PLAIN, results_header=("Year", "Result"), results=(("2", "PASSED"),)).body(),
        results=[],
        rejected=[("results", ["the line is for a year, not for a semester"])],
    ),
    Case(
        "lines by year that name semesters",
        replace(PLAIN, results_header=("Year", "Result"), results=(("3 SEM", "PASSED"),)).body(),
        results=[(3, "PASSED", None, None)],
    ),
    Case("no semester line", replace(PLAIN, results=()).body(), results=[]),
    Case("no subject row", replace(PLAIN, marks=()).body(), marks=[]),
]


OLD_MARKS_HEADER = ("Sub Code", "Subject Name", "Marks", "Sessional Marks", "Status")

DETAILS_CASES = [
    changed_details(
        "a name with blanks and dots",
        1,
        ("Name", "  a. b&nbsp;&nbsp;TESTWALA ", "Father's Name", ""),
        name="a. b TESTWALA",
        father_name=None,
    ),
    changed_details(
        "a curly apostrophe in the label",
        1,
        ("Name", "ZEBA TESTWALA", "Father&#146;s Name", "OMAR TESTWALA"),
    ),
    changed_details(
        "labels with colons in another case",
        1,
        ("NAME :", "ZEBA TESTWALA", "Father's name:", "OMAR TESTWALA"),
    ),
    changed_details(
        "a name in UTF-8",
        1,
        ("Name", "ZEBA T&#201;ST", "Father's Name", "OMAR TESTWALA"),
        name="ZEBA TÉST",
    ),
    changed_details(
        "gender by a letter", 0, ("Hall Ticket No.", TICKET, "Gender", "f"), gender="FEMALE"
    ),
    changed_details(
        "an unknown gender", 0, ("Hall Ticket No.", TICKET, "Gender", "Other"), gender="Other"
    ),
    changed_details("no gender", 0, ("Hall Ticket No.", TICKET, "Gender", ""), gender=None),
    changed_details(
        "another spelling of the course",
        2,
        ("Course", "B.E. (cbcs)", "Medium", "english"),
        course="BE(CBCS)",
    ),
    changed_details(
        "a course of an older scheme",
        2,
        ("Course", "B.E.(Non CBCS)", "Medium", "-"),
        course="BE(Non-CBCS)",
        medium=None,
    ),
    *[
        changed_details(
            f"{dashes} for an unknown name",
            1,
            ("Name", "ZEBA TESTWALA", "Father's Name", dashes),
            father_name=None,
        )
        for dashes in ("-", "--", "---")
    ],
    changed_details(
        "three dashes for an unknown medium",
        2,
        ("Course", "BE(CBCS)", "Medium", "---"),
        medium=None,
    ),
    changed_details(
        "an unknown course", 2, ("Course", "BARCH", "Medium", "URDU"), course="BARCH", medium="URDU"
    ),
    changed_details(
        "a course without medium", 2, ("Course", "BE (AICTE)"), course="BE(AICTE)", medium=None
    ),
    changed_details(
        "labels and values in another order",
        1,
        ("Father's Name", "OMAR TESTWALA", "Name", "ZEBA TESTWALA"),
    ),
    Case(
        "no name",
        replace(
            PLAIN, personal=(PLAIN.personal[0], ("Name", "", "Father's Name", "OMAR TESTWALA"))
        ).body(),
        details=None,
        rejected=[("appearances", ["name is missing"])],
    ),
    Case(
        "the label of the name renamed",
        replace(PLAIN, personal=(PLAIN.personal[0], ("Candidate", "ZEBA TESTWALA"))).body(),
        details=None,
        rejected=[("appearances", ["name is missing"])],
    ),
]

REJECTED_PAGES = [
    rejected_page(
        "another student's page",
        replace(PLAIN, personal=(("Hall Ticket No.", OTHER_TICKET), *PLAIN.personal[1:])).body(),
        "the page shows another hall ticket than the one asked for",
    ),
    rejected_page(
        "two students on one page",
        PLAIN.body()
        + replace(PLAIN, personal=(("Hall Ticket No.", OTHER_TICKET), *PLAIN.personal[1:])).body(),
        "the page shows two hall tickets",
        "the page shows another hall ticket than the one asked for",
    ),
    rejected_page(
        "no hall ticket",
        replace(PLAIN, personal=PLAIN.personal[1:]).body(),
        "the page shows no hall ticket",
    ),
    rejected_page(
        "a hall ticket of eleven digits",
        replace(PLAIN, personal=(("Hall Ticket No.", TICKET[:-1]), *PLAIN.personal[1:])).body(),
        "the page's hall ticket is not twelve digits",
        "the page shows another hall ticket than the one asked for",
    ),
    rejected_page(
        "not found",
        notice_page(f'The Hall Ticket Number "{TICKET}" Is Not Found.'),
        "the page says that the hall ticket is not found",
    ),
    rejected_page(
        "no change",
        notice_page(f'The Hall Ticket Number "{TICKET}" Is No CHANGE.'),
        "the page says that revaluation changed nothing",
    ),
    rejected_page(
        "a notice",
        notice_page("Exam Fee Not Paid"),
        "the page is not a result page: it has none of the result tables",
    ),
    rejected_page(
        "an error page",
        b"<html><title>HTTP Status 500</title>Internal Server Error</html>",
        "the page is not a result page: it has none of the result tables",
    ),
    rejected_page(
        "an empty page", b"", "the page is not a result page: it has none of the result tables"
    ),
    rejected_page(
        "marks instead of grades",
        replace(
            PLAIN, marks_header=OLD_MARKS_HEADER, marks=(("501", "X", "67", "21", "P"),)
        ).body(),
        "the page shows marks instead of grades, as before CBCS",
    ),
    rejected_page(
        "marks instead of grades under unknown headers",
        replace(
            PLAIN, marks_header=("Code", "Subject", "Marks", "Sess. Marks", "P/F"), marks=()
        ).body(),
        "the page shows marks instead of grades, as before CBCS",
    ),
    rejected_page(
        "a required header renamed",
        replace(
            PLAIN, marks_header=("Sub Code", "Subject Name", "Weightage", "Grade Points", "Grade")
        ).body(),
        "the marks table has no column 'Credits'",
        "the marks table has no column 'Grade Secured'",
    ),
    rejected_page(
        "a result header renamed",
        replace(PLAIN, results_header=("Semester", "Outcome", "Over all CGPA")).body(),
        "the results table has no column 'Result With SGPA'",
    ),
    rejected_page(
        "every header renamed",
        replace(PLAIN, marks_header=("a", "b", "c", "d", "e")).body(),
        "the marks table has no column 'Sub Code'",
        "the marks table has no column 'Credits'",
        "the marks table has no column 'Grade Secured'",
    ),
    rejected_page(
        "no header", replace(PLAIN, marks_header=()).body(), "the marks table has no header"
    ),
    rejected_page(
        "no marks table",
        PLAIN.body().replace(
            PLAIN.body()[
                PLAIN.body().index(
                    b'<tr><td><table border="1" id="AutoNumber4"'
                ) : PLAIN.body().index(b'<tr><td><table border="1" id="AutoNumber5"')
            ],
            b"",
        ),
        "the page has no marks table",
    ),
    rejected_page(
        "truncated in the marks",
        PLAIN.body()[: PLAIN.body().index(b"NETWORKS") + 4],
        "the page has no result table",
        "the page is truncated",
    ),
    rejected_page(
        "truncated in an SGPA",
        PLAIN.body()[: PLAIN.body().index(b"9.33") + 3],
        "the page is truncated",
    ),
    rejected_page(
        "neither marks rows nor semester lines",
        replace(PLAIN, marks=(), results=()).body(),
        "the page has neither marks rows nor semester lines",
    ),
    rejected_page(
        "a page of a megabyte",
        PLAIN.body() + b" " * 1_000_000,
        "the page is far too large for a result page",
    ),
]


CASES = [*TABLE_CASES, *MARKS_CASES, *RESULT_CASES, *DETAILS_CASES, *REJECTED_PAGES]
