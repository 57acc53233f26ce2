"""Masking passwords, keys and hall tickets in free text, e.g. log lines and stored errors.

This is the last line of defence: no message should contain any of them in the first place.
"""

import re

from ouspark_assets.domain.addresses import MASK, mask_url
from ouspark_assets.domain.hall_tickets import mask_ticket

URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:)\]]", re.IGNORECASE)
# Secrets as libpq prints them (password=…), and as settings and HTTP headers do.
SECRET = re.compile(
    r"(?i)\b((?:[a-z_]*(?:password|passwd|secret|token|api_?key)|authorization)\b['\"]?\s*[=:]\s*)"
    r"(?:(?:basic|bearer)\s+)?('[^']*'|\"[^\"]*\"|[^\s,;&)}\]]+)"
)
# Not preceded or followed by a hexadecimal digit or a hyphen: hashes and UUIDs are not tickets.
TICKET = re.compile(r"(?<![0-9A-Fa-f-])[0-9]{12}(?![0-9A-Fa-f-])")


def mask_secrets(text: str) -> str:
    """Return the text with secrets masked and the serials of hall tickets replaced by `xxx`."""
    text = URL.sub(lambda match: mask_url(match[0]), text)
    text = SECRET.sub(rf"\g<1>{MASK}", text)
    return TICKET.sub(lambda match: mask_ticket(match[0]), text)
