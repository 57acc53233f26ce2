"""Posting to a web address within a time, and what its answer means.

Of an answer only the status is told: addresses of this kind are secrets, and bodies repeat them.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from ouspark_assets.operations.alerts.channels.channel import SEND_SECONDS, ChannelError

LONGEST_ANSWER = 20_000
LONGEST_RETRY_AFTER = 3600.0
NO_ANSWER = f"no answer within {SEND_SECONDS:.0f} s"
TOO_MANY = 429
TIMEOUTS = (408, 425)
HINTS = {
    400: "it does not take such a message",
    401: "it refuses the key",
    403: "it refuses the key",
    404: "nothing is at this address; was it removed?",
    410: "nothing is at this address any more",
    TOO_MANY: "too many messages",
}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def post(channel: str, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post JSON; whatever is not a success is an error that names the channel alone."""
    # The addresses are secrets, and the client would log each.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        response, answer = asyncio.run(_post(address, body, headers))
    except TimeoutError:
        raise ChannelError(channel, NO_ANSWER, is_down=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        raise ChannelError(channel, _why(error), is_down=True) from None
    if not response.is_success:
        raise _refused(channel, response)
    return Answer(response.status_code, answer)


async def _post(
    address: str, body: bytes, headers: Mapping[str, str]
) -> tuple[httpx.Response, bytes]:
    """One request; the time is for all of it, however slowly the answer drips."""
    everything = {"Content-Type": "application/json", "User-Agent": "OuSpark alerts", **headers}
    async with (
        asyncio.timeout(SEND_SECONDS),
        httpx.AsyncClient(timeout=SEND_SECONDS, follow_redirects=False) as client,
        client.stream("POST", address, content=body, headers=everything) as response,
    ):
        answer = b""
        async for chunk in response.aiter_raw():
            answer += chunk
            if len(answer) >= LONGEST_ANSWER:
                break
        return response, answer[:LONGEST_ANSWER]


def _why(error: Exception) -> str:
    """The kind of trouble; what the error says itself may name the address."""
    if isinstance(error, httpx.TimeoutException):
        return NO_ANSWER
    if isinstance(error, httpx.ConnectError):
        tls = "certificate" in str(error).lower() or "ssl" in str(error).lower()
        return "its TLS certificate is refused" if tls else "it can't be reached"
    return f"the connection broke ({type(error).__name__})"


def _refused(channel: str, response: httpx.Response) -> ChannelError:
    status = response.status_code
    hint = f" ({HINTS[status]})" if status in HINTS else ""
    temporary = status in (TOO_MANY, *TIMEOUTS) or response.is_server_error
    return ChannelError(
        channel,
        f"answered {status}{hint}",
        is_down=temporary or status in (401, 403, 404, 410),
        retry_after=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(text: str | None) -> float | None:
    """The seconds that the other side asks for; dates are not worth the trouble."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    return min(float(text[:6]), LONGEST_RETRY_AFTER)
