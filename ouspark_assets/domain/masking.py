"""What a text may not say, wherever it is written: passwords, keys, hall tickets.

The last line of defence: no message should hold any of it in the first place.
"""

import re

from ouspark_assets.domain.hall_tickets import masked as masked_ticket
from ouspark_assets.services import masked as masked_address

ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:)\]]", re.IGNORECASE)
# As libpq writes them, and as settings and headers do.
SECRET = re.compile(
    r"(?i)\b((?:[a-z_]*(?:password|passwd|secret|token|api_?key)|authorization)\b['\"]?\s*[=:]\s*)"
    r"(?:(?:basic|bearer)\s+)?('[^']*'|\"[^\"]*\"|[^\s,;&)}\]]+)"
)
TICKET = re.compile(r"(?<![0-9A-Fa-f-])[0-9]{12}(?![0-9A-Fa-f-])")
MASK = "***"


def discreet(text: str) -> str:
    """The same text without secrets, and with tickets by their class only."""
    text = ADDRESS.sub(lambda found: masked_address(found[0]), text)
    text = SECRET.sub(rf"\g<1>{MASK}", text)
    return TICKET.sub(lambda found: masked_ticket(found[0]), text)
