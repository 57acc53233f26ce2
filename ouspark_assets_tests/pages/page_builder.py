"""Result pages for tests, in the skeleton that the university's pages have.

Every variant is the plain page with something replaced; nothing here is shared with the stand-in.
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
    """Label and value, twice, as the personal details have them."""

    cells: Cells

    def markup(self) -> str:
        """The row: labels plain, values bold after a hard blank."""
        cells = (
            f'<td width="33%"><b><font color="red">&nbsp;{cell}</font></b></td>'
            if at % 2
            else f'<td width="17%"><font face="Arial" size="2">{cell}</font></td>'
            for at, cell in enumerate(self.cells)
        )
        return f"<tr>{''.join(cells)}</tr>\n"


@dataclass(frozen=True)
class ResultPage:
    """A result page; `replace` makes variants of it."""

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
    # What ends a table; an empty text leaves it open, so that the next one nests in it.
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
        """The page as the site would send it."""
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


def saying(sentence: str) -> bytes:
    """A page without result that says something instead."""
    said = f'<tr><td><p align="center"><font><b>   {sentence}</b></font></td></tr>'
    return f"{head()}{said}{search_box()}".encode("cp1252")


def head() -> str:
    """Everything above the result."""
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
    """Everything below the result; every answer has it, example tickets included."""
    return (
        '<tr><td><table id="AutoNumber6"><tr><td><b>Enter  Hall Ticket No. :</b></td>'
        '<td><input type="text" name="htno" size="15" maxlength="12"></td></tr>'
        '<tr><td colspan="2"><font color="red">Please Enter  12 Digit Hall Ticket Number '
        "Ex: 160417733000</font></td></tr></table></td></tr></table></center></div></form>"
        "</body></html>\n"
    )


def title(text: str, columns: int) -> str:
    """The row above a table's header."""
    return f'<tr><td width="100%" colspan="{columns}"><b><font>{text}</font></b></td></tr>\n'


def header(cells: Cells) -> str:
    """A header row, with the malformed width that the university's pages have."""
    inner = "".join(f'<td width="10%%"><font>{cell}</font></td>' for cell in cells)
    return f"<tr>{inner}</tr>\n"


def values(cells: Cells) -> str:
    """A row of values, each after a hard blank."""
    inner = "".join(f'<td align="center"><b><font>&nbsp;{it}</font></b></td>' for it in cells)
    return f"<tr>{inner}</tr>\n"


def pages_of(*bodies: bytes | tuple[str, bytes]) -> pl.DataFrame:
    """A frame of pages as the archive gives them; a bare body was asked for by `TICKET`."""
    asked = [(TICKET, body) if isinstance(body, bytes) else body for body in bodies]
    return pl.DataFrame(
        [(ticket, sha256(body).hexdigest(), body) for ticket, body in asked],
        schema={"hall_ticket": pl.String, "sha256": pl.String, "body": pl.Binary},
        orient="row",
    )
