"""The markup of the results pages: nested tables with their ids, labels, fonts and blemishes.

Text around values only. Which values stand there is `result_page.py`.
"""

from datetime import date
from html import escape
from typing import Final

CHARSET: Final = "cp1252"
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Serial 000 belongs to nobody: whoever takes a ticket from this line by pattern is wrong.
EXAMPLE_TICKETS: Final = "160417733000, 245319737000"
TABLE: Final = 'border="1" cellpadding="0" cellspacing="0" style="border-collapse: collapse"'

NOT_FOUND: Final = "Is Not Found."
NO_CHANGE: Final = "Is No CHANGE."

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
color="#FF0000"><b>   The Hall Ticket Number "{ticket}" {verdict}</b></font></td></tr>
"""

FOUND_BEGINS: Final = f"""<tr><td width="100%"><div align="center"><center>
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

PERSONAL_ENDS: Final = "</table></td></tr>\n"

_MARKS_BEGIN: Final = f"""<tr><td width="100%"><table {TABLE} width="100%" id="AutoNumber4">
<tr><td width="100%" colspan="5" align="center"><b><font face="Arial" size="2">Marks Details\
</font></b></td></tr>
<tr>"""

RESULT_BEGINS: Final = f"""</table></td></tr>
<tr><td width="100%"><table {TABLE} width="100%" id="AutoNumber5">
<tr><td width="100%" colspan="3" align="center"><b><font face="Arial" size="2">Result</font></b>\
</td></tr>
<tr>"""

FOUND_ENDS: Final = """</table></td></tr>
<tr><td width="100%"><font face="Arial" size="1">This information is provided to the candidate on \
his/her online request and is only a prototype list.</font></td></tr>
<tr><td width="100%"><p align="center"><input type="button" value="Print Page" \
onclick="window.print()"></td></tr>
<tr><td width="100%">0 &nbsp;</td></tr>
</table></center></div></td></tr>
"""

# "10%%" is how the university's own pages have it.
_MARKS_HEADINGS: Final = (
    ("10%", "Sub Code"),
    ("50%", "Subject Name"),
    ("10%%", "Credits"),
    ("15%", "Grade Points"),
    ("15%", "Grade Secured"),
)
POINTS_PLACE: Final = 3


def head(title: str, day: date, year_in_title: int) -> str:
    """Everything down to the row with the date of publication."""
    printed = f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"
    return _HEAD.format(year=year_in_title, title=escape(title, quote=False), day=printed)


def search_box() -> str:
    """The row every answer closes with."""
    return _SEARCH_BOX.format(examples=EXAMPLE_TICKETS)


def sentence(ticket: str, verdict: str) -> str:
    """What is said instead of a result."""
    return _SENTENCE.format(ticket=escape(ticket), verdict=verdict)


def marks_begin(*, points_column: bool) -> str:
    """Title and headings of the marks table; the title spans five columns even over four."""
    cells = (
        f'<td width="{width}" align="center"><font face="Arial" size="2">{heading}</font></td>'
        for place, (width, heading) in enumerate(_MARKS_HEADINGS)
        if points_column or place != POINTS_PLACE
    )
    return _MARKS_BEGIN + "".join(cells) + "</tr>\n"


def marks_row(values: tuple[str, ...]) -> str:
    """A row of the marks table, every value after a hard blank."""
    cells = (
        f'<td align="{"left" if place == 1 else "center"}"><b><font face="Arial" size="2">'
        f"&nbsp;{value}</font></b></td>"
        for place, value in enumerate(values)
    )
    return "<tr>" + "".join(cells) + "</tr>\n"


def result_headings(with_sgpa: str) -> str:
    """The headings of the result table."""
    cells = (
        f'<td width="{width}" align="center"><b><font face="Arial" size="2">{heading}</font></b>'
        "</td>"
        for width, heading in (("33%", "Semester"), ("33%", with_sgpa), ("34%", "Over all CGPA"))
    )
    return "".join(cells) + "</tr>\n"


def result_row(semester: str, result: str, cgpa: str) -> str:
    """A row of the result table; the result stands between blanks."""
    return (
        f'<tr><td width="33%" align="center"><b><font face="Arial" size="2">&nbsp;{semester}</font>'
        f'</b></td><td width="33%" align="center"><b><font face="Arial" size="2">&nbsp;  {result} '
        f'</font></b></td><td width="34%" align="center"><b><font face="Arial" size="2">&nbsp;'
        f"{cgpa}</font></b></td></tr>\n"
    )
