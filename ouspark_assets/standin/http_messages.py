"""HTTP/1.1 messages: received bytes are parsed into requests, responses formatted as bytes.

Connections are in `http_server.py`, the responses to requests in `routes.py`.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_plus

MAX_HEADER_BYTES: Final = 16 * 1024
MAX_BODY_BYTES: Final = 64 * 1024
METHODS: Final = ("GET", "POST", "HEAD")
HTML: Final = b"text/html;charset=ISO-8859-1"
# By this header the scraper knows that the students are invented, whatever the site's address is.
STANDIN_HEADER: Final = b"X-OuSpark-Stand-In: fictitious\r\n"
_HEAD_END: Final = b"\r\n\r\n"


class RefusedError(Exception):
    """An invalid request; the answer is the status, and the connection is closed."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status: Final = status


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that the site uses."""

    method: str
    path: str
    query: str
    host: str | None = None
    keep_alive: bool = True
    if_none_match: str | None = None
    body: bytes = b""

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the query and the form; the first of equal names counts."""
        text = "&".join(part for part in (self.query, self.body.decode("latin-1")) if part)
        values: dict[str, str] = {}
        for pair in text.split("&"):
            name, _, value = pair.partition("=")
            values.setdefault(unquote_plus(name), unquote_plus(value))
        return values


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a response is sent under a fault; by default at once and in full."""

    delay: float = 0.0
    drip_seconds: float = 0.0
    keeps: float = 1.0
    resets: bool = False
    never: bool = False


AT_ONCE: Final = Delivery()


@dataclass(frozen=True, slots=True)
class Response:
    """A response and how it is delivered."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: bytes = HTML
    headers: bytes = b""
    delivery: Delivery = field(default=AT_ONCE)

    def head(self, *, keep_alive: bool) -> bytes:
        """Return the status line and headers."""
        return b"".join((
            _STATUS_LINES[self.status],
            b"Server: Apache/2.2.15 (CentOS)\r\nContent-Type: ",
            self.content_type,
            b"\r\nContent-Length: %d\r\n" % len(self.body),
            STANDIN_HEADER,
            self.headers,
            b"Connection: keep-alive\r\n\r\n" if keep_alive else b"Connection: close\r\n\r\n",
        ))  # fmt: skip


_STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def parse_request(buffer: bytearray) -> tuple[Request, int] | None:
    """Return the first request in the buffer and its length; None while it is incomplete."""
    end = buffer.find(_HEAD_END, 0, MAX_HEADER_BYTES + len(_HEAD_END))
    if end < 0:
        if len(buffer) > MAX_HEADER_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return None
    first, *rest = bytes(buffer[:end]).decode("latin-1").lstrip("\r\n").split("\r\n")
    headers = _parse_headers(rest)
    begin = end + len(_HEAD_END)
    length = begin + _read_body_length(headers)
    if len(buffer) < length:
        return None
    return _build_request(first, headers, bytes(buffer[begin:length])), length


def _parse_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name[-1] in " \t" or name[0] in " \t":
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        headers[name.lower()] = value.strip()
    return headers


def _read_body_length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise RefusedError(HTTPStatus.NOT_IMPLEMENTED)
    stated = headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdigit()):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if len(stated) > len(str(MAX_BODY_BYTES)) or int(stated) > MAX_BODY_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(stated)


def _build_request(first: str, headers: dict[str, str], body: bytes) -> Request:
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
    if not target.startswith("/"):
        # Clients of proxies send whole addresses.
        if not target.lower().startswith("http://"):
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        target = "/" + target[len("http://") :].partition("/")[2]
    path, _, query = target.partition("?")
    return Request(method, path, query, host, keep_alive, headers.get("if-none-match"), body)
