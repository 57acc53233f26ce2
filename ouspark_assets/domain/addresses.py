"""URLs as they may be shown in messages and tables: without secrets, or only their host.

Standard library only, because the services package imports this module in every process. Masking
free text belongs to `masking.py`.
"""

import re
from urllib.parse import urlsplit

SECRET_PARAMETER = re.compile(r"(?i)\b(password|sslpassword|passfile|sslkey)=[^&]*")
MASK = "***"


def host_and_port(url: str) -> str:
    """Return host and port of a URL; without the port if the URL names none."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def mask_url(url: str) -> str:
    """Return the URL with its passwords masked, including one that was not percent-encoded."""
    scheme, separator, rest = url.partition("://")
    credentials, at, location = rest.rpartition("@")
    if ":" in credentials:
        credentials = f"{credentials.partition(':')[0]}:{MASK}"
    return SECRET_PARAMETER.sub(rf"\1={MASK}", f"{scheme}{separator}{credentials}{at}{location}")
