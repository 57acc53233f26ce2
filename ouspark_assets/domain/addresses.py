"""Masking the secrets in a URL, so that it can be shown in messages and tables.

Standard library only, because the services package imports this module in every process. Masking
free text belongs to `masking.py`.
"""

import re

SECRET_PARAMETER = re.compile(r"(?i)\b(password|sslpassword|passfile|sslkey)=[^&]*")
MASK = "***"


def mask_url(url: str) -> str:
    """Return the URL with its passwords masked, including one that was not percent-encoded."""
    scheme, separator, rest = url.partition("://")
    credentials, at, location = rest.rpartition("@")
    if ":" in credentials:
        credentials = f"{credentials.partition(':')[0]}:{MASK}"
    return SECRET_PARAMETER.sub(rf"\1={MASK}", f"{scheme}{separator}{credentials}{at}{location}")
