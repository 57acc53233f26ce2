"""HTTP/1.1 by hand: requests out of received bytes, responses into bytes to send.

No connection and no meaning: `connection.py` has the first, `results_site.py` the second.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_plus

MOST_HEADER_BYTES: Final = 16 * 1024
MOST_BODY_BYTES: Final = 64 * 1024
METHODS: Final = ("GET", "POST", "HEAD")
HTML: Final = b"text/html;charset=ISO-8859-1"
_END_OF_HEAD: Final = b"\r\n\r\n"


class RefusedError(Exception):
    """A request that is answered with a status and the end of the connection."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status: Final = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request as far as the site looks at it."""

    method: str
    path: str
    query: str
    host: str | None = None
    keep_alive: bool = True
    if_none_match: str | None = None
    body: bytes = b""

    def parameters(self) -> dict[str, str]:
        """Parameters of the address and of the form together; of two, the first counts."""
        text = "&".join(part for part in (self.query, self.body.decode("latin-1")) if part)
        values: dict[str, str] = {}
        for pair in text.split("&"):
            name, _, value = pair.partition("=")
            values.setdefault(unquote_plus(name), unquote_plus(value))
        return values


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a response is sent when the day is bad; the default is at once and whole."""

    delay: float = 0.0
    drip_seconds: float = 0.0
    keeps: float = 1.0
    resets: bool = False
    never: bool = False


AT_ONCE: Final = Delivery()


@dataclass(frozen=True, slots=True)
class Response:
    """A response, and how it is delivered."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: bytes = HTML
    headers: bytes = b""
    delivery: Delivery = field(default=AT_ONCE)

    def head(self, *, keep_alive: bool) -> bytes:
        """Status line and headers."""
        return b"".join((
            _STATUS_LINES[self.status],
            b"Server: Apache/2.2.15 (CentOS)\r\nContent-Type: ",
            self.content_type,
            b"\r\nContent-Length: %d\r\n" % len(self.body),
            self.headers,
            b"Connection: keep-alive\r\n\r\n" if keep_alive else b"Connection: close\r\n\r\n",
        ))  # fmt: skip


_STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def parsed(buffer: bytearray) -> tuple[Request, int] | None:
    """The first request in the buffer and its length; None while it is not whole."""
    end = buffer.find(_END_OF_HEAD, 0, MOST_HEADER_BYTES + len(_END_OF_HEAD))
    if end < 0:
        if len(buffer) > MOST_HEADER_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return None
    first, *rest = bytes(buffer[:end]).decode("latin-1").lstrip("\r\n").split("\r\n")
    headers = _headers(rest)
    begin = end + len(_END_OF_HEAD)
    length = begin + _body_length(headers)
    if len(buffer) < length:
        return None
    return _request(first, headers, bytes(buffer[begin:length])), length


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name[-1] in " \t" or name[0] in " \t":
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        headers[name.lower()] = value.strip()
    return headers


def _body_length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise RefusedError(HTTPStatus.NOT_IMPLEMENTED)
    stated = headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdigit()):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if len(stated) > len(str(MOST_BODY_BYTES)) or int(stated) > MOST_BODY_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(stated)


def _request(first: str, headers: dict[str, str], body: bytes) -> Request:
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if method not in METHODS:
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED)
    host = headers.get("host")
    if version == "HTTP/1.1" and host is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    connection = headers.get("connection", "").lower()
    keep_alive = connection == "keep-alive" if version == "HTTP/1.0" else connection != "close"
    path, _, query = _without_host(target).partition("?")
    return Request(method, path, query, host, keep_alive, headers.get("if-none-match"), body)


def _without_host(target: str) -> str:
    """The path of an address; proxies' clients send whole addresses."""
    if target.startswith("/"):
        return target
    if not target.lower().startswith("http://"):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    return "/" + target[len("http://") :].partition("/")[2]
