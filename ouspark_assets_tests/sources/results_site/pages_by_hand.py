"""Pages as the site sends them, made up by hand: a student's, and the answers without one."""

HEAD = """<html><head><title>Osmania University Results - 2006</title><script>
function check(){{ if (document.FrontPage_Form1.htno.value.length != 12)
{{ alert("Please Enter 12 Digit Hall Ticket No.") }} }}</script></head><body>
<form method="post" name="FrontPage_Form1" action=""><input type="hidden" name="mbstatus">
<table id="AutoNumber1" width="90%"><tr><td><p align=center><b>B.E. (AICTE) VI sem.</b></td></tr>
<tr><td><p align=right><font size=1>22-Dec-2021</font></td></tr>
{middle}
<tr><td><table id="AutoNumber6"><tr><td>Enter  Hall Ticket No. :<input type="text" name="htno"
 size="15" maxlength="12"></td></tr><tr><td><font color=red>Please Enter  12 Digit Hall Ticket
 Number Ex: 160421733999</font></td></tr></table></td></tr></table></form></body></html>"""

RESULT = """<tr><td><table id="AutoNumber2"><tr><td>
<table style="x" id="AutoNumber3" width="100%"><tr><td colspan=4>Personal Details</td></tr>
<tr><td>{label}</td><td><b> <font color="#FF0000">&nbsp;{ticket}</font></b></td>
<td>Gender</td><td><b>MALE</b></td></tr>
<tr><td>Name</td><td><b>MADE UP</b></td><td>Father's Name</td><td><b>ALSO MADE UP</b></td></tr>
</table></td></tr><tr><td><table id="AutoNumber4"><tr><td>Sub Code</td></tr>
<tr><td>601</td><td>A SUBJECT</td><td>3</td><td>8</td><td>B</td></tr></table></td></tr>
<tr><td><table id="AutoNumber5"><tr><td>6</td><td>{status}</td><td>-</td></tr></table></td></tr>
</table></td></tr>"""


def found_page(
    ticket: str, *, label: str = "Hall Ticket No.", status: str = "PASSED-8.38"
) -> bytes:
    """A student's page."""
    middle = RESULT.format(ticket=ticket, label=label, status=status)
    return HEAD.format(middle=middle).encode("iso-8859-1")


def sentence_page(ticket: str, ending: str = "Not Found.", quote: str = '"') -> bytes:
    """An answer without a student: not found, or no change."""
    sentence = f"  The Hall Ticket Number {quote}{ticket}{quote} Is {ending}"
    return HEAD.format(middle=f"<tr><td><b>{sentence}</b></td></tr>").encode("iso-8859-1")
