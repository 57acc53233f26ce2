"""The HTTP client for the results site: one hall ticket in, one answer or failure cause out.

It speaks HTTP and nothing else: `outcomes.py` judges what an answer means, and `fetcher.py`
decides what to request when. Redirects are never followed to another host, and no answer is read
beyond a limit.
"""

import asyncio
import logging
import ssl
import time
import zlib
from dataclasses import dataclass
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
KEEP_ALIVE_TIMEOUT = 30.0
HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": USER_AGENT,
    "Accept": "text/html",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
}
REDIRECTS = range(300, 400)
# Only the stand-in sends it (`standin/http_messages.py`).
STANDIN_HEADER = "x-ouspark-stand-in"
COMPRESSED = ("gzip", "x-gzip", "deflate")
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
# What aiohttp and httpx raise for a failed request.
TRANSPORT_ERRORS = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP response for a hall ticket, or the cause why there is none."""

    status: int | None
    body: bytes
    elapsed_ms: int
    cause: str | None = None
    retry_after: float | None = None
    # Whether the stand-in sent it, with a student of its own invention.
    fictitious: bool = False


class TicketClient(Protocol):
    """A client that requests one hall ticket at a time."""

    async def fetch(self, ticket: str) -> Answer:
        """Return the answer for this hall ticket."""
        ...


def request_rate(settings: SiteSettings, url: str) -> float | None:
    """Return the maximum requests a second for a site; None for no limit.

    Without a setting it is DEFAULT_RATE, and no limit for a site on this machine.
    """
    if settings.site_rate is not None:
        return settings.site_rate
    return None if is_loopback(urlsplit(url).hostname or "") else DEFAULT_RATE


def create_http_client(
    settings: SiteSettings, url: str
) -> tuple[httpx.AsyncClient, AiohttpTransport]:
    """Return a client for this one site, and its transport."""
    # httpx logs a line for every request, with tens of thousands of them in a run.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    context = create_tls_context(settings, url)
    connections = settings.site_concurrency + 2

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=connections, ssl=context, keepalive_timeout=KEEP_ALIVE_TIMEOUT
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    transport = AiohttpTransport(verify=context, client=session)
    client = httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
    return client, transport


def create_tls_context(settings: SiteSettings, url: str) -> ssl.SSLContext:
    """Return the TLS context for the site; log a warning if it checks less than usual."""
    host = urlsplit(url).hostname
    if urlsplit(url).scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not settings.site_tls_verify:
        log.warning(
            "TLS CERTIFICATES OF %s ARE NOT VERIFIED because OUSPARK_SITE_TLS_VERIFY is false."
            " Set OUSPARK_SITE_TLS_CERTIFICATE instead to trust its certificate alone.",
            host,
        )
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = httpx.create_ssl_context()
    certificate = settings.site_tls_certificate
    if certificate is not None:
        try:
            context.load_verify_locations(cafile=certificate)
        except (OSError, ssl.SSLError) as error:
            message = (
                f"OUSPARK_SITE_TLS_CERTIFICATE: {certificate} cannot be used as a certificate"
                f" ({error.strerror or error}). Name a PEM file."
            )
            raise SettingsError(message) from error
        # The file may hold the site's own certificate rather than its issuer's.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        log.warning("The certificates in %s are also trusted for %s.", certificate, host)
    return context


def raise_if_certificate_refused(error: Exception, host: str) -> None:
    """Raise SiteError if a request failed because the site's certificate cannot be verified."""
    root = error.__cause__ or error
    if isinstance(root, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
        message = (
            f"The TLS certificate of {host} cannot be verified. Give the certificate in"
            " OUSPARK_SITE_TLS_CERTIFICATE, or set OUSPARK_SITE_TLS_VERIFY=false to skip the check"
            " for this host."
        )
        raise SiteError(message) from error


class SiteClient:
    """Requests hall tickets from one results page; failures are answers with a cause."""

    def __init__(self, settings: SiteSettings, url: str) -> None:
        self._client, self._transport = create_http_client(settings, url)
        self._url = httpx.URL(url)
        self._headers = httpx.Headers(HEADERS)
        self._page_timeout = settings.site_page_timeout
        self._page_limit = settings.site_page_limit
        timeout = httpx.Timeout(
            settings.site_read_timeout, connect=settings.site_connect_timeout, pool=None
        )
        self._extensions = {"timeout": timeout.as_dict()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def fetch(self, ticket: str) -> Answer:
        """Return the site's answer for one hall ticket."""
        started = time.perf_counter()
        status, body, retry_after, fictitious = None, b"", None, False
        cause: Cause | None
        try:
            async with asyncio.timeout(self._page_timeout):
                status, body, retry_after, cause, fictitious = await self._post(ticket)
        except TimeoutError:
            cause = Cause.TOO_SLOW
        except TRANSPORT_ERRORS as error:
            cause = self._cause_of(error)
        elapsed_ms = round((time.perf_counter() - started) * 1000)
        return Answer(status, body, elapsed_ms, cause, retry_after, fictitious)

    async def _post(self, ticket: str) -> tuple[int, bytes, float | None, Cause | None, bool]:
        request = httpx.Request(
            "POST",
            self._url,
            headers=self._headers,
            content=b"mbstatus=SEARCH&htno=" + ticket.encode("ascii"),
            extensions=self._extensions,
        )
        # The request goes straight to the transport: the client's redirects, cookies and
        # authentication are not wanted here and cost a third of the time.
        response = await self._transport.handle_async_request(request)
        try:
            body = await read_body(response, self._page_limit)
        finally:
            await response.aclose()
        status = response.status_code
        cause = Cause.TOO_LARGE if body is None else None
        if status in REDIRECTS:
            cause = Cause.REDIRECT
        retry_after = retry_after_seconds(response.headers.get("retry-after"))
        return status, body or b"", retry_after, cause, STANDIN_HEADER in response.headers

    def _cause_of(self, error: Exception) -> Cause:
        """Return the failure cause of an exception; a refused certificate ends the run instead."""
        raise_if_certificate_refused(error, self._url.host)
        root = error.__cause__ or error
        if isinstance(root, aiohttp.ClientPayloadError):
            return Cause.TRUNCATED
        if isinstance(root, TimeoutError | httpx.TimeoutException):
            return Cause.TIMEOUT
        return Cause.CONNECTION


async def read_body(response: httpx.Response, limit: int) -> bytes | None:
    """Return the body, decompressed at most once; None if it is longer than the limit.

    Requests ask for uncompressed bodies, but a server may compress all the same. Reading stops at
    the limit, so an endless body or a compression bomb costs no more than that.
    """
    compressed = response.headers.get("content-encoding", "").strip().lower() in COMPRESSED
    decompressor = zlib.decompressobj(GZIP_OR_ZLIB) if compressed else None
    stream = response.stream
    chunks = aiter(stream) if isinstance(stream, httpx.AsyncByteStream) else response.aiter_raw()
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        plain = chunk
        if decompressor is not None:
            try:
                # A few compressed bytes may stand for millions: no more than the limit is unpacked.
                plain = decompressor.decompress(chunk, limit - size + 1)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
        size += len(plain)
        if size > limit:
            return None
        parts.append(plain)
    return parts[0] if len(parts) == 1 else b"".join(parts)
