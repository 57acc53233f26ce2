"""Variants of semester lines."""

from dataclasses import replace

from ouspark_assets_tests.pages.page_cases import (
    CONFLICT,
    PLAIN,
    RESULTS,
    Case,
    one_result,
    rejected_result,
    with_result,
)

CASES = [
    one_result("passed", ("6", "  PASSED-8.38 ", "-"), (6, "PASSED", 8.38, None)),
    one_result("trailing zeros dropped", ("6", "PASSED-8", "-"), (6, "PASSED", 8.0, None)),
    one_result("blanks around the dash", ("6", "PASSED - 9.1", "-"), (6, "PASSED", 9.1, None)),
    one_result("no dash", ("6", "PASSED 9.1", "-"), (6, "PASSED", 9.1, None)),
    one_result("a long dash", ("6", "PASSED&#8211;9.1", "&#8212;"), (6, "PASSED", 9.1, None)),
    one_result("promoted", ("6", "PROMOTED--", "-"), (6, "PROMOTED", None, None)),
    one_result(
        "already promoted", ("6", "ALREADY PROMOTED--", "-"), (6, "ALREADY PROMOTED", None, None)
    ),
    one_result("completed", ("6", "COMPLETED-7.05", "-"), (6, "COMPLETED", 7.05, None)),
    one_result("detained", ("6", "DETAINED", "-"), (6, "DETAINED", None, None)),
    one_result("a bare word", ("6", "PASSED", ""), (6, "PASSED", None, None)),
    one_result("a status in lower case", ("6", "Passed-8", "-"), (6, "PASSED", 8.0, None)),
    one_result("an unknown status", ("6", "With-held", "-"), (6, "With-held", None, None)),
    one_result("a CGPA at the end", ("8", "PASSED-8.38", "8.11"), (8, "PASSED", 8.38, 8.11)),
    one_result("the result in the third cell", ("6", "", "PASSED-8.38"), (6, "PASSED", 8.38, None)),
    one_result(
        "the bare word in the third cell", ("6", "-", "PROMOTED"), (6, "PROMOTED", None, None)
    ),
    one_result("no CGPA cell", ("6", "PASSED-8.38"), (6, "PASSED", 8.38, None)),
    *[
        one_result(f"semester as {text}", (text, "PASSED-8", "-"), (number, "PASSED", 8.0, None))
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
    rejected_result("a semester that is none", ("X1", "PASSED-8", "-"), "semester can't be read"),
    rejected_result(
        "a semester too many", ("9", "PASSED-8", "-"), "semester is not between 1 and 8"
    ),
    rejected_result("no semester", ("", "PASSED-8", "-"), "semester is missing"),
    rejected_result("no status", ("6", "", "-"), "status is missing"),
    rejected_result("an SGPA alone", ("6", "-8.38", "-"), "status is missing"),
    rejected_result(
        "an SGPA beyond the scale",
        ("6", "PASSED-83.8", "-"),
        "sgpa_printed is not between 0 and 10",
    ),
    rejected_result(
        "an SGPA that is no number", ("6", "PASSED-8.3.8", "-"), "sgpa_printed can't be read"
    ),
    rejected_result(
        "a CGPA that is no number", ("6", "PASSED-8", "8,11"), "cgpa_printed can't be read"
    ),
    rejected_result("semester alone", ("6",), "the row has fewer cells than its header"),
    Case(
        "an SGPA beside a fail",
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
        "two lines of a semester that contradict each other",
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
