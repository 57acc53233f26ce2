"""One HTTP client for the results site: a ticket in, a reply or the reason why there is none.

Speaks HTTP and nothing else: what a reply means is `judging.py`, when to ask `fetching.py`. Nothing
is ever followed to another host, and no reply is read beyond a limit.
"""

import asyncio
import logging
import ssl
import time
import zlib
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from ouspark_assets.domain.errors import SettingsError, SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.outcomes import Cause
from ouspark_assets.sources.results_site.retry_policy import (
    DEFAULT_RATE,
    is_loopback,
    retry_after_seconds,
)

USER_AGENT = "OuSpark/0.1 (results pipeline; one request per hall ticket, rate limited)"
KEEP_ALIVE_SECONDS = 30.0
FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": USER_AGENT,
    "Accept": "text/html",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
}
REDIRECTS = range(300, 400)
PACKED = ("gzip", "x-gzip", "deflate")
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a ticket: a status and a body, or the cause why they are missing."""

    status: int | None
    body: bytes
    elapsed_ms: int
    cause: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """Seconds and bytes beyond which a reply is given up."""

    connect: float
    read: float
    page: float
    body: int

    @classmethod
    def from_settings(cls, settings: SiteSettings) -> "ResponseLimits":
        """The limits that the settings name."""
        return cls(
            settings.site_connect_timeout,
            settings.site_read_timeout,
            settings.site_page_timeout,
            settings.site_page_limit,
        )


def request_rate(settings: SiteSettings, url: str) -> float | None:
    """Most requests a second for this site: as set, else 40, and none on this machine."""
    if settings.site_rate is not None:
        return settings.site_rate
    return None if is_loopback(urlsplit(url).hostname or "") else DEFAULT_RATE


def create_http_client(
    settings: SiteSettings, url: str
) -> tuple[httpx.AsyncClient, AiohttpTransport]:
    """The client for this one site, verified as the settings say, and the transport below it."""
    # A line for every request would fill the event log with hall tickets' worth of nothing.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    context = create_tls_context(settings, url)
    connections = settings.site_concurrency + 2

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=connections, ssl=context, keepalive_timeout=KEEP_ALIVE_SECONDS
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    transport = AiohttpTransport(verify=context, client=session)
    client = httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
    return client, transport


def create_tls_context(settings: SiteSettings, url: str) -> ssl.SSLContext:
    """How the site's certificate is checked; anything but the full check is said loudly."""
    host = urlsplit(url).hostname
    if urlsplit(url).scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not settings.site_tls_verify:
        log.warning("TLS CERTIFICATES OF %s ARE NOT VERIFIED (OUSPARK_SITE_TLS_VERIFY=false)", host)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = httpx.create_ssl_context()
    if settings.site_tls_certificate is not None:
        _trust(context, settings)
        log.warning("%s is also trusted by %s", host, settings.site_tls_certificate)
    return context


def _trust(context: ssl.SSLContext, settings: SiteSettings) -> None:
    try:
        context.load_verify_locations(cafile=settings.site_tls_certificate)
    except (OSError, ssl.SSLError) as error:
        message = (
            f"OUSPARK_SITE_TLS_CERTIFICATE: {settings.site_tls_certificate} can't be used as a"
            f" certificate ({error.strerror or error}): give a PEM file"
        )
        raise SettingsError(message) from None
    # The file may hold the site's own certificate rather than its issuer's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


class TicketClient(Protocol):
    """Something that asks the site for a ticket."""

    async def ask(self, ticket: str) -> Answer:
        """What the site answers."""
        ...


class SiteClient:
    """Asks one results page for hall tickets; troubles are replies with a cause, not exceptions."""

    def __init__(self, settings: SiteSettings, url: str) -> None:
        """Open a client for the results page at this address."""
        limits = ResponseLimits.from_settings(settings)
        self._client, self._transport = create_http_client(settings, url)
        self._url = httpx.URL(url)
        self._headers = httpx.Headers(FORM)
        self._limits = limits
        timeout = httpx.Timeout(limits.read, connect=limits.connect, pool=None)
        self._extensions = {"timeout": timeout.as_dict()}

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def ask(self, ticket: str) -> Answer:
        """What the site answers to one hall ticket."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._limits.page):
                status, body, retry_after, cause = await self._post(ticket)
        except TimeoutError:
            return Answer(None, b"", _since(started), Cause.TOO_SLOW)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
            return Answer(None, b"", _since(started), self._cause(error))
        return Answer(status, body, _since(started), cause, retry_after)

    async def _post(self, ticket: str) -> tuple[int, bytes, float | None, str | None]:
        request = httpx.Request(
            "POST",
            self._url,
            headers=self._headers,
            content=b"mbstatus=SEARCH&htno=" + ticket.encode("ascii"),
            extensions=self._extensions,
        )
        # Past the client's redirects, cookies and authentication, none of which are wanted and
        # which cost a third of the time.
        response = await self._transport.handle_async_request(request)
        try:
            body = await read_body(response, self._limits.body)
        finally:
            await response.aclose()
        status = response.status_code
        cause = Cause.TOO_LARGE if body is None else None
        if status in REDIRECTS:
            cause = Cause.REDIRECT
        retry_after = retry_after_seconds(response.headers.get("retry-after"))
        return status, body or b"", retry_after, cause

    def _cause(self, error: Exception) -> Cause:
        """Which trouble an exception is; a certificate that is refused ends the run instead."""
        root = error.__cause__ or error
        if isinstance(root, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
            raise certificate_error(self._url.host) from None
        if isinstance(root, aiohttp.ClientPayloadError):
            return Cause.TRUNCATED
        if isinstance(root, TimeoutError | httpx.TimeoutException):
            return Cause.TIMEOUT
        return Cause.CONNECTION


def certificate_error(host: str) -> SiteError:
    """The error for a certificate that can't be verified, with the way out."""
    return SiteError(
        f"the TLS certificate of {host} can't be verified: give its certificate in"
        " OUSPARK_SITE_TLS_CERTIFICATE, or set OUSPARK_SITE_TLS_VERIFY=false for this host"
    )


async def read_body(response: httpx.Response, limit: int) -> bytes | None:
    """The body as sent; None when it is longer than the limit, of which no more is read.

    Asked for as it is, it may come packed once all the same; packed twice it is a bomb, or noise.
    """
    packed = response.headers.get("content-encoding", "").strip().lower() in PACKED
    unpacking = zlib.decompressobj(GZIP_OR_ZLIB) if packed else None
    stream = response.stream
    chunks = aiter(stream) if isinstance(stream, httpx.AsyncByteStream) else response.aiter_raw()
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        plain = _unpacked(unpacking, chunk, limit - size + 1) if unpacking else chunk
        size += len(plain)
        if size > limit:
            return None
        parts.append(plain)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacked(unpacking: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    """No more of a chunk than asked for: a few of its bytes may stand for millions."""
    try:
        return unpacking.decompress(chunk, most)
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
