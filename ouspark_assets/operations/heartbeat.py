"""The heartbeat to a dead-man's switch: a URL that is called while everything is healthy.

The service behind the URL raises the alarm when the calls stop, e.g. because this machine is down.
When it is called is decided by the monitor.
"""

import logging
from urllib.parse import urlsplit

import httpx

from ouspark_assets.domain.errors import AlertsError

TIMEOUT = 10.0


def send_heartbeat(url: str) -> None:
    """Call the URL; raise AlertsError if it does not answer with success."""
    # At INFO httpx logs every address. With this one, the alarm can be silenced.
    for logger in ("httpx", "httpcore"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    try:
        answer = httpx.get(url, timeout=TIMEOUT, headers={"User-Agent": "OuSpark"})
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        message = (
            f"The heartbeat was not accepted ({type(error).__name__}). Check OUSPARK_HEARTBEAT_URL "
            f"and that {_host(url)} can be reached."
        )
        raise AlertsError(message) from None  # the cause may show the URL
    if not answer.is_success:
        message = (
            f"{_host(url)} answered the heartbeat with status {answer.status_code}. Check "
            "OUSPARK_HEARTBEAT_URL."
        )
        raise AlertsError(message)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "its host"
