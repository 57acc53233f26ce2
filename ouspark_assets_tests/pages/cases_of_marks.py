"""Variants of subject rows."""

from dataclasses import replace

from ouspark_assets_tests.pages.page_cases import (
    CONFLICT,
    MARKS,
    PLAIN,
    Case,
    accepted_mark,
    rejected_mark,
    with_mark,
)

BLANK_MARK = ("", "", "", "", "")

CASES = [
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
        "a repeated row that spells a number differently",
        with_mark("501", "SOFTWARE ENGINEERING", "3.0", "10.0", "S"),
        collapsed=1,
    ),
    Case(
        "two rows of a subject that contradict each other",
        with_mark("501", "SOFTWARE ENGINEERING", "3", "9", "A"),
        marks=MARKS[1:],
        rejected=[("marks", [CONFLICT])] * 2,
    ),
    Case(
        "a broken row beside a sound one of the same subject",
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
        "the grade where points belong",
        ("502", "X", "3", "A", "A"),
        ("502", "X", 5, 3.0, "A", 9, True),
    ),
    accepted_mark("points blank", ("502", "X", "3", "", "A"), ("502", "X", 5, 3.0, "A", 9, True)),
    accepted_mark("points a dash", ("502", "X", "3", "-", "A"), ("502", "X", 5, 3.0, "A", 9, True)),
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
        "a code that tells no semester",
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
        "hard blanks inside",
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
        "points beyond the scale",
        ("502", "X", "3", "90", "A"),
        "points is not between 0 and 10",
        "broken rule: points fit the grade",
    ),
    rejected_mark(
        "points that are no number", ("502", "X", "3", "#REF!", "A"), "points can't be read"
    ),
    rejected_mark("credits missing", ("502", "X", "", "9", "A"), "credits is missing"),
    rejected_mark(
        "credits that are no number", ("502", "X", "three", "9", "A"), "credits can't be read"
    ),
    rejected_mark("credits beyond reason", ("502", "X", "45", "9", "A"), "credits is more than 30"),
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
        "blank cells beyond the last column",
        with_mark("502", "X", "3", "9", "A", "", ""),
        marks=[*MARKS, ("502", "X", 5, 3.0, "A", 9, False)],
    ),
]
