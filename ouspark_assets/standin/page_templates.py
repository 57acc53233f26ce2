"""The HTML of the results pages, with the defects of the real ones, and how releases differ in it.

Templates only: nested tables with their ids, labels and fonts. The values that fill them are in
`result_pages.py`.
"""

from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Final

from ouspark_assets.standin.grading import ABSENT, GRADES, F

CHARSET: Final = "cp1252"
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# No student has serial 000, so a scraper that takes a ticket from this line finds nothing.
EXAMPLE_TICKETS: Final = "160417733000, 245319737000"
TABLE: Final = 'border="1" cellpadding="0" cellspacing="0" style="border-collapse: collapse"'

NOT_FOUND: Final = "Is Not Found."
NO_CHANGE: Final = "Is No CHANGE."
# Sentences instead of a result, some with the hall ticket's number and some without.
NO_RESULTS: Final = (
    "Exam Fee Not Paid",
    'The Hall Ticket Number "{ticket}" Is Withheld.',
    "Your result is withheld. Please contact the principal of your college.",
    'The Hall Ticket Number "{ticket}" Is Not Registered For This Examination.',
)

_HEAD: Final = """<html>
<head>
<meta http-equiv="Content-Language" content="en-us">
<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">
<title>Osmania University Results - {year}</title>
<script language="JavaScript">
function validate(form) {{
  if (form.htno.value.length != 12) {{ alert("Please Enter 12 Digit Hall Ticket Number"); \
form.htno.focus(); return false; }}
  return true;
}}
</script>
</head>
<body topmargin="0" leftmargin="0">
<form method="post" action="" name="FrontPage_Form1" onsubmit="return validate(this)">
<input type="hidden" name="mbstatus" value="SEARCH">
<div align="center"><center>
<table border="0" cellpadding="0" cellspacing="0" width="90%" id="AutoNumber1">
<tr><td width="100%"><p align="center"><font face="Arial" size="4"><b>{title}</b></font></td></tr>
<tr><td width="100%"><p align="right"><font size="1" face="Verdana">{day}</font></td></tr>
"""

_SEARCH_BOX: Final = """<tr><td width="100%"><div align="center"><center>
<table border="0" cellpadding="2" width="60%" id="AutoNumber6">
<tr><td width="50%" align="right"><b><font face="Arial" size="2">Enter  Hall Ticket No. :</font>\
</b></td>
<td width="50%"><input type="text" name="htno" size="15" maxlength="12">
<input type="image" border="0" src="gobut.gif" name="Submit" value="Go"></td></tr>
<tr><td width="100%" colspan="2" align="center"><font face="Arial" size="2" color="#FF0000">\
Please Enter  12 Digit Hall Ticket Number Ex: {examples}</font></td></tr>
</table></center></div></td></tr>
</table></center></div>
</form>
</body>
</html>
"""

_SENTENCE: Final = """<tr><td width="100%"><p align="center"><font face="Arial" size="3" \
color="#FF0000"><b>   {sentence}</b></font></td></tr>
"""

FOUND_START: Final = f"""<tr><td width="100%"><div align="center"><center>
<table border="0" cellpadding="0" cellspacing="0" width="100%" id="AutoNumber2">
<tr><td width="100%"><table {TABLE} width="100%" id="AutoNumber3">
<tr><td width="100%" colspan="4" align="center"><b><font face="Arial" size="2">Personal Details\
</font></b></td></tr>
"""

PERSONAL: Final = """<tr><td width="17%"><font face="Arial" size="2">Hall Ticket No.</font></td>\
<td width="33%"><b><font face="Arial" size="2" color="#FF0000">&nbsp;{ticket}</font></b></td>\
<td width="16%"><font face="Arial" size="2">Gender</font></td>\
<td width="34%"><b><font face="Arial" size="2">&nbsp;{gender}</font></b></td></tr>
<tr><td width="17%"><font face="Arial" size="2">Name</font></td>\
<td width="33%"><b> <font face="Arial" size="2">&nbsp;{name}</font></b></td>\
<td width="16%"><font face="Arial" size="2">Father's Name</font></td>\
<td width="34%"><b> <font face="Arial" size="2">&nbsp;{father}</font></b></td></tr>
<tr><td width="17%"><font face="Arial" size="2">Course</font></td>\
<td width="33%"><b><font face="Arial" size="2">&nbsp;{course}</font></b></td>\
<td width="16%"><font face="Arial" size="2">Medium</font></td>\
<td width="34%"><b><font face="Arial" size="2">&nbsp;{medium}</font></b></td></tr>
"""

PERSONAL_END: Final = "</table></td></tr>\n"

_MARKS_START: Final = f"""<tr><td width="100%"><table {TABLE} width="100%" id="AutoNumber4">
<tr><td width="100%" colspan="5" align="center"><b><font face="Arial" size="2">Marks Details\
</font></b></td></tr>
<tr>"""

RESULTS_START: Final = f"""</table></td></tr>
<tr><td width="100%"><table {TABLE} width="100%" id="AutoNumber5">
<tr><td width="100%" colspan="3" align="center"><b><font face="Arial" size="2">Result</font></b>\
</td></tr>
<tr>"""

FOUND_END: Final = """</table></td></tr>
<tr><td width="100%"><font face="Arial" size="1">This information is provided to the candidate on \
his/her online request and is only a prototype list.</font></td></tr>
<tr><td width="100%"><p align="center"><input type="button" value="Print Page" \
onclick="window.print()"></td></tr>
<tr><td width="100%">0 &nbsp;</td></tr>
</table></center></div></td></tr>
"""

# The university's pages say "10%%".
_MARKS_HEADINGS: Final = (
    ("10%", "Sub Code"),
    ("50%", "Subject Name"),
    ("10%%", "Credits"),
    ("15%", "Grade Points"),
    ("15%", "Grade Secured"),
)
POINTS_COLUMN: Final = 3


@dataclass(frozen=True, slots=True)
class PageStyle:
    """How the pages of a release differ from those of others: columns, spellings and defects."""

    has_points_column: bool = True
    has_letters_for_points: bool = False
    result_heading: str = "Result With SGPA"
    failed: str = "F"
    absent: str = "Ab"
    has_unclosed_table: bool = False
    blank_result_rows: int = 0
    repeats_rows: bool = False
    has_later_names: bool = False
    year_in_title: int = 2006

    def spell_grade(self, grade: int) -> str:
        """Return a grade as these pages spell it."""
        return {F: self.failed, ABSENT: self.absent}.get(grade, GRADES[grade])


STYLES: Final = (
    PageStyle(),
    PageStyle(has_points_column=False, result_heading="Result with SGPA", year_in_title=2026),
    PageStyle(has_unclosed_table=True, absent="F AB"),
    PageStyle(has_letters_for_points=True, absent="AB", blank_result_rows=2, has_later_names=True),
    PageStyle(has_points_column=False, failed="FAIL", absent="AB", repeats_rows=True),
    PageStyle(result_heading="Result with SGPA", blank_result_rows=1, repeats_rows=True),
    PageStyle(has_points_column=False, has_later_names=True, year_in_title=2026),
    PageStyle(has_points_column=False, absent="AB", has_unclosed_table=True, has_later_names=True),
)


def choose_style(ordinal: int) -> PageStyle:
    """Return the style of a release by its place in the order of publication."""
    return STYLES[ordinal % len(STYLES)]


def render_head(title: str, day: date, year_in_title: int) -> str:
    """Return the page down to the row with the date of publication."""
    printed = f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"
    return _HEAD.format(year=year_in_title, title=escape(title, quote=False), day=printed)


def render_search_box() -> str:
    """Return the search box, which ends every page."""
    return _SEARCH_BOX.format(examples=EXAMPLE_TICKETS)


def render_verdict(ticket: str, verdict: str) -> str:
    """Return the row that says that a hall ticket is not found or not changed."""
    return render_sentence(f'The Hall Ticket Number "{ticket}" {verdict}')


def render_sentence(sentence: str) -> str:
    """Return the row with the sentence that is printed instead of a result."""
    return _SENTENCE.format(sentence=escape(sentence, quote=False))


def render_marks_start(*, has_points_column: bool) -> str:
    """Return title and headings of the marks table; the title always spans five columns."""
    cells = (
        f'<td width="{width}" align="center"><font face="Arial" size="2">{heading}</font></td>'
        for column, (width, heading) in enumerate(_MARKS_HEADINGS)
        if has_points_column or column != POINTS_COLUMN
    )
    return _MARKS_START + "".join(cells) + "</tr>\n"


def render_marks_row(values: list[str]) -> str:
    """Return a row of the marks table; a hard blank precedes every value."""
    cells = (
        f'<td align="{"left" if column == 1 else "center"}"><b><font face="Arial" size="2">'
        f"&nbsp;{value}</font></b></td>"
        for column, value in enumerate(values)
    )
    return "<tr>" + "".join(cells) + "</tr>\n"


def render_result_headings(sgpa_heading: str) -> str:
    """Return the headings of the result table."""
    headings = (("33%", "Semester"), ("33%", sgpa_heading), ("34%", "Over all CGPA"))
    cells = (
        f'<td width="{width}" align="center"><b><font face="Arial" size="2">{heading}</font></b>'
        "</td>"
        for width, heading in headings
    )
    return "".join(cells) + "</tr>\n"


def render_result_row(semester: str, result: str, cgpa: str) -> str:
    """Return a row of the result table; the result has blanks around it."""
    return (
        f'<tr><td width="33%" align="center"><b><font face="Arial" size="2">&nbsp;{semester}</font>'
        f'</b></td><td width="33%" align="center"><b><font face="Arial" size="2">&nbsp;  {result} '
        f'</font></b></td><td width="34%" align="center"><b><font face="Arial" size="2">&nbsp;'
        f"{cgpa}</font></b></td></tr>\n"
    )
