"""Masking passwords, keys and hall tickets in free text, e.g. log lines and stored errors.

The last line of defence: no message should contain any of them in the first place.
"""

import re

from ouspark_assets.domain.addresses import MASK, mask_url
from ouspark_assets.domain.hall_tickets import mask_ticket

ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:)\]]", re.IGNORECASE)
# As libpq writes them, and as settings and headers do.
SECRET = re.compile(
    r"(?i)\b((?:[a-z_]*(?:password|passwd|secret|token|api_?key)|authorization)\b['\"]?\s*[=:]\s*)"
    r"(?:(?:basic|bearer)\s+)?('[^']*'|\"[^\"]*\"|[^\s,;&)}\]]+)"
)
TICKET = re.compile(r"(?<![0-9A-Fa-f-])[0-9]{12}(?![0-9A-Fa-f-])")


def mask_secrets(text: str) -> str:
    """Return the text with secrets replaced and hall tickets cut to their class."""
    text = ADDRESS.sub(lambda found: mask_url(found[0]), text)
    text = SECRET.sub(rf"\g<1>{MASK}", text)
    return TICKET.sub(lambda found: mask_ticket(found[0]), text)
