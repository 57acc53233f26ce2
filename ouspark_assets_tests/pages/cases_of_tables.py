"""Variants of tables, headers and markup."""

from dataclasses import replace

from ouspark_assets_tests.pages.page_builder import (
    FOUR_COLUMNS,
)
from ouspark_assets_tests.pages.page_cases import (
    DERIVED,
    PLAIN,
    Case,
)

CASES = [
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
    Case("both left open", replace(PLAIN, personal_ends="", marks_ends="").body()),
    Case(
        "marks in the table of the personal details",
        replace(PLAIN, ids=("AutoNumber3", "", ""))
        .body()
        .replace(b'</table></td></tr>\n<tr><td><table border="1">', b""),
    ),
    Case(
        "the browser's tbody",
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
        "the other spelling of the SGPA's header",
        replace(PLAIN, results_header=("Semester", "Result with SGPA", "Over all CGPA")).body(),
    ),
    Case(
        "an unknown column beside the known ones",
        replace(
            PLAIN,
            marks_header=(*PLAIN.marks_header, "Remarks"),
            marks=tuple((*row, "see notice") for row in PLAIN.marks),
        ).body(),
    ),
    Case(
        "the header printed once more in the middle",
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
