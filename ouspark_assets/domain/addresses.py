"""Masking the secrets in a URL, so that addresses can be shown in messages and tables.

Standard library only: the services package imports this in every process. Masking free text is
`masking.py`.
"""

import re

SECRET_PARAMETER = re.compile(r"(?i)\b(password|sslpassword|passfile|sslkey)=[^&]*")
MASK = "***"


def mask_url(url: str) -> str:
    """Return the URL with its passwords replaced, including one that was not percent-encoded."""
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if ":" in credentials:
        credentials = f"{credentials.partition(':')[0]}:{MASK}"
    shown = f"{scheme}{separator}{credentials}{at}{place}"
    return SECRET_PARAMETER.sub(rf"\1={MASK}", shown)
