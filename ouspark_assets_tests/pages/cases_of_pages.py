"""Variants of personal details, and pages that are rejected as a whole."""

from dataclasses import replace

from ouspark_assets_tests.pages.page_builder import (
    OTHER_TICKET,
    TICKET,
    saying,
)
from ouspark_assets_tests.pages.page_cases import (
    PLAIN,
    Case,
    details,
    unusable,
)

TITLE_OF_OLD = ("Sub Code", "Subject Name", "Marks", "Sessional Marks", "Status")

DETAILS_CASES = [
    details(
        "a name with blanks and dots",
        1,
        ("Name", "  a. b&nbsp;&nbsp;TESTWALA ", "Father's Name", ""),
        name="a. b TESTWALA",
        father_name=None,
    ),
    details(
        "a curly apostrophe in the label",
        1,
        ("Name", "ZEBA TESTWALA", "Father&#146;s Name", "OMAR TESTWALA"),
    ),
    details(
        "labels with colons in another case",
        1,
        ("NAME :", "ZEBA TESTWALA", "Father's name:", "OMAR TESTWALA"),
    ),
    details(
        "a name in UTF-8",
        1,
        ("Name", "ZEBA T&#201;ST", "Father's Name", "OMAR TESTWALA"),
        name="ZEBA TÉST",
    ),
    details("gender by a letter", 0, ("Hall Ticket No.", TICKET, "Gender", "f"), gender="FEMALE"),
    details("an unknown gender", 0, ("Hall Ticket No.", TICKET, "Gender", "Other"), gender="Other"),
    details("no gender", 0, ("Hall Ticket No.", TICKET, "Gender", ""), gender=None),
    details(
        "another spelling of the course",
        2,
        ("Course", "B.E. (cbcs)", "Medium", "english"),
        course="BE(CBCS)",
    ),
    details(
        "a course of an older scheme",
        2,
        ("Course", "B.E.(Non CBCS)", "Medium", "-"),
        course="BE(Non-CBCS)",
        medium=None,
    ),
    details(
        "dashes for what is not known",
        1,
        ("Name", "ZEBA TESTWALA", "Father's Name", "--"),
        father_name=None,
    ),
    details(
        "an unknown course", 2, ("Course", "BARCH", "Medium", "URDU"), course="BARCH", medium="URDU"
    ),
    details(
        "a course without medium", 2, ("Course", "BE (AICTE)"), course="BE(AICTE)", medium=None
    ),
    details(
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
        "the name's label renamed",
        replace(PLAIN, personal=(PLAIN.personal[0], ("Candidate", "ZEBA TESTWALA"))).body(),
        details=None,
        rejected=[("appearances", ["name is missing"])],
    ),
]

UNUSABLE = [
    unusable(
        "another student's page",
        replace(PLAIN, personal=(("Hall Ticket No.", OTHER_TICKET), *PLAIN.personal[1:])).body(),
        "the page shows another hall ticket than the one asked for",
    ),
    unusable(
        "two students on one page",
        PLAIN.body()
        + replace(PLAIN, personal=(("Hall Ticket No.", OTHER_TICKET), *PLAIN.personal[1:])).body(),
        "the page shows two hall tickets",
        "the page shows another hall ticket than the one asked for",
    ),
    unusable(
        "no hall ticket",
        replace(PLAIN, personal=PLAIN.personal[1:]).body(),
        "the page shows no hall ticket",
    ),
    unusable(
        "a hall ticket of eleven digits",
        replace(PLAIN, personal=(("Hall Ticket No.", TICKET[:-1]), *PLAIN.personal[1:])).body(),
        "the page's hall ticket is not twelve digits",
        "the page shows another hall ticket than the one asked for",
    ),
    unusable(
        "not found",
        saying(f'The Hall Ticket Number "{TICKET}" Is Not Found.'),
        "the page says that the hall ticket is not found",
    ),
    unusable(
        "no change",
        saying(f'The Hall Ticket Number "{TICKET}" Is No CHANGE.'),
        "the page says that revaluation changed nothing",
    ),
    unusable(
        "a notice",
        saying("Exam Fee Not Paid"),
        "the page is not a result page: it has none of the result tables",
    ),
    unusable(
        "an error page",
        b"<html><title>HTTP Status 500</title>Internal Server Error</html>",
        "the page is not a result page: it has none of the result tables",
    ),
    unusable("nothing", b"", "the page is not a result page: it has none of the result tables"),
    unusable(
        "marks instead of grades",
        replace(PLAIN, marks_header=TITLE_OF_OLD, marks=(("501", "X", "67", "21", "P"),)).body(),
        "the page shows marks instead of grades, as before CBCS",
    ),
    unusable(
        "marks instead of grades under unknown headers",
        replace(
            PLAIN, marks_header=("Code", "Subject", "Marks", "Sess. Marks", "P/F"), marks=()
        ).body(),
        "the page shows marks instead of grades, as before CBCS",
    ),
    unusable(
        "a required header renamed",
        replace(
            PLAIN, marks_header=("Sub Code", "Subject Name", "Weightage", "Grade Points", "Grade")
        ).body(),
        "the marks table has no column 'Credits'",
        "the marks table has no column 'Grade Secured'",
    ),
    unusable(
        "a result header renamed",
        replace(PLAIN, results_header=("Semester", "Outcome", "Over all CGPA")).body(),
        "the results table has no column 'Result With SGPA'",
    ),
    unusable(
        "every header renamed",
        replace(PLAIN, marks_header=("a", "b", "c", "d", "e")).body(),
        "the marks table has no column 'Sub Code'",
        "the marks table has no column 'Credits'",
        "the marks table has no column 'Grade Secured'",
    ),
    unusable("no header", replace(PLAIN, marks_header=()).body(), "the marks table has no header"),
    unusable(
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
    unusable(
        "cut in the marks",
        PLAIN.body()[: PLAIN.body().index(b"NETWORKS") + 4],
        "the page has no result table",
        "the page is truncated",
    ),
    unusable(
        "cut in an SGPA", PLAIN.body()[: PLAIN.body().index(b"9.33") + 3], "the page is truncated"
    ),
    unusable(
        "neither marks nor result",
        replace(PLAIN, marks=(), results=()).body(),
        "the page has neither marks rows nor semester lines",
    ),
    unusable(
        "a megabyte", PLAIN.body() + b" " * 1_000_000, "the page is far too large for a result page"
    ),
]

CASES = [*DETAILS_CASES, *UNUSABLE]
