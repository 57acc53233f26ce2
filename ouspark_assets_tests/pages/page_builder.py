"""Builds result pages for tests with the same structure as the university's pages.

Every variant is the plain page with some fields replaced. Shares no code with the stand-in.
"""

from dataclasses import dataclass
from hashlib import sha256

import polars as pl

TICKET = "160421733001"
OTHER_TICKET = "160421733002"
RELEASE = "20250402"

FIVE_COLUMNS = ("Sub Code", "Subject Name", "Credits", "Grade Points", "Grade Secured")
FOUR_COLUMNS = ("Sub Code", "Subject Name", "Credits", "Grade Secured")
RESULT_COLUMNS = ("Semester", "Result With SGPA", "Over all CGPA")

Cells = tuple[str, ...]


@dataclass(frozen=True)
class PersonalRow:
    """A row of the personal details: label, value, label, value."""

    cells: Cells

    def markup(self) -> str:
        """Return the row as HTML: plain labels, bold values after a non-breaking space."""
        cells = (
            f'<td width="33%"><b><font color="red">&nbsp;{cell}</font></b></td>'
            if at % 2
            else f'<td width="17%"><font face="Arial" size="2">{cell}</font></td>'
            for at, cell in enumerate(self.cells)
        )
        return f"<tr>{''.join(cells)}</tr>\n"


@dataclass(frozen=True)
class ResultPage:
    """A result page. Use `dataclasses.replace` to make variants."""

    personal: tuple[Cells, ...] = (
        ("Hall Ticket No.", TICKET, "Gender", "FEMALE"),
        ("Name", "ZEBA TESTWALA", "Father's Name", "OMAR TESTWALA"),
        ("Course", "BE(CBCS)", "Medium", "ENGLISH"),
    )
    marks_header: Cells = FIVE_COLUMNS
    marks: tuple[Cells, ...] = (
        ("501", "SOFTWARE ENGINEERING", "3", "10", "S"),
        ("552", "NETWORKS LAB", "1.5", "8", "B"),
        ("405", "SIGNALS", "4", "0", "F"),
    )
    results_header: Cells = RESULT_COLUMNS
    results: tuple[Cells, ...] = (
        ("4", "  ALREADY PROMOTED-- ", "-"),
        ("5", "  PROMOTED-9.33 ", "-"),
    )
    ids: tuple[str, str, str] = ("AutoNumber3", "AutoNumber4", "AutoNumber5")
    # The end of a table. An empty string leaves the table open, so the next one is nested in it.
    personal_ends: str = "</table></td></tr>"
    marks_ends: str = "</table></td></tr>"
    footer: str = (
        "<tr><td><font>This information is provided to the candidate on his/her online request "
        "and is only a prototype list.</font></td></tr>"
        '<tr><td><p align="center"><input type="button" value="Print Page"></td></tr>'
        "<tr><td>0 &nbsp;</td></tr></table></center></div></td></tr>"
    )
    charset: str = "cp1252"

    def body(self) -> bytes:
        """Return the page as the site sends it."""
        personal = "".join(PersonalRow(row).markup() for row in self.personal)
        ids = [f' id="{name}"' if name else "" for name in self.ids]
        return (
            f"{head()}"
            '<tr><td><div align="center"><center><table id="AutoNumber2">'
            f'<tr><td><table border="1"{ids[0]}>{title("Personal Details", 4)}{personal}'
            f"{self.personal_ends}\n"
            f'<tr><td><table border="1"{ids[1]}>{title("Marks Details", 5)}'
            f"{header(self.marks_header)}{''.join(map(values, self.marks))}{self.marks_ends}\n"
            f'<tr><td><table border="1"{ids[2]}>{title("Result", 3)}'
            f"{header(self.results_header)}{''.join(map(values, self.results))}</table></td></tr>\n"
            f"{self.footer}{search_box()}"
        ).encode(self.charset)


def notice_page(sentence: str) -> bytes:
    """Return a page that shows this sentence instead of a result."""
    row = f'<tr><td><p align="center"><font><b>   {sentence}</b></font></td></tr>'
    return f"{head()}{row}{search_box()}".encode("cp1252")


def head() -> str:
    """Return the HTML above the result."""
    return (
        "<html><head><title>Osmania University Results - 2006</title>"
        "<script>function check() { if (1 < 2) alert('12 Digit Hall Ticket Number'); }</script>"
        '</head><body><form method="post" name="FrontPage_Form1" action="">'
        '<input type="hidden" name="mbstatus" value="SEARCH"><div align="center"><center>'
        '<table id="AutoNumber1" width="90%">'
        '<tr><td><p align="center"><font size="4"><b>B.E. (CBCS) Main</b></font></td></tr>'
        '<tr><td><p align="right"><font size="1">22-Dec-2021</font></td></tr>'
    )


def search_box() -> str:
    """Return the HTML below the result: the search box with an example ticket."""
    return (
        '<tr><td><table id="AutoNumber6"><tr><td><b>Enter  Hall Ticket No. :</b></td>'
        '<td><input type="text" name="htno" size="15" maxlength="12"></td></tr>'
        '<tr><td colspan="2"><font color="red">Please Enter  12 Digit Hall Ticket Number '
        "Ex: 160417733000</font></td></tr></table></td></tr></table></center></div></form>"
        "</body></html>\n"
    )


def title(text: str, columns: int) -> str:
    """Return the title row above a table's header."""
    return f'<tr><td width="100%" colspan="{columns}"><b><font>{text}</font></b></td></tr>\n'


def header(cells: Cells) -> str:
    """Return a header row with the malformed width of the university's pages."""
    inner = "".join(f'<td width="10%%"><font>{cell}</font></td>' for cell in cells)
    return f"<tr>{inner}</tr>\n"


def values(cells: Cells) -> str:
    """Return a row of values, each after a non-breaking space."""
    inner = "".join(f'<td align="center"><b><font>&nbsp;{cell}</font></b></td>' for cell in cells)
    return f"<tr>{inner}</tr>\n"


def pages_of(*bodies: bytes | tuple[str, bytes]) -> pl.DataFrame:
    """Return a frame of pages like the archive's; a body without a ticket belongs to `TICKET`."""
    asked = [(TICKET, body) if isinstance(body, bytes) else body for body in bodies]
    return pl.DataFrame(
        [(ticket, sha256(body).hexdigest(), body) for ticket, body in asked],
        schema={"hall_ticket": pl.String, "sha256": pl.String, "body": pl.Binary},
        orient="row",
    )
