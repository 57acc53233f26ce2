"""TicketFetcher the index page: conditional, a few patient tries, never to another host.

Reading it is `index.py`.
"""

import asyncio
from dataclasses import dataclass
from random import Random
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.index_links import same_site
from ouspark_assets.sources.results_site.release_index import INDEX_PATH
from ouspark_assets.sources.results_site.retry_policy import Backoff, retry_after_seconds
from ouspark_assets.sources.results_site.site_client import (
    REDIRECTS,
    USER_AGENT,
    certificate_error,
    create_http_client,
    read_body,
)

NOT_MODIFIED = 304
# Some thousands of links; a hundred times as long it would take minutes and gigabytes to read.
LARGEST_INDEX = 8 * 1024 * 1024
LONGEST_URL_SHOWN = 120
MOST_REDIRECTS = 3
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class IndexPage:
    """The index page as received; `body` is None when it has not changed since it was last read."""

    url: str
    body: bytes | None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def unchanged(self) -> bool:
        """Whether the site says that nothing has changed."""
        return self.body is None


async def fetch_index(
    settings: SiteSettings,
    site_url: str,
    *,
    known: IndexPage | None = None,
    random: Random | None = None,
) -> IndexPage:
    """The index page of a site, asked for conditionally when an earlier one is known."""
    url = site_url.rstrip("/") + INDEX_PATH
    backoff = Backoff(random or Random(), first=0.5, longest=LONGEST_WAIT)  # noqa: S311
    trouble = ""
    client, _ = create_http_client(settings, url)
    async with client:
        for attempt in range(1, settings.site_retries + 1):
            try:
                async with asyncio.timeout(settings.site_page_timeout):
                    page, trouble, wait = await _fetch(client, settings, url, known)
            except TimeoutError:
                page, trouble, wait = None, f"no answer in {settings.site_page_timeout:g} s", None
            if page is not None:
                return page
            if attempt < settings.site_retries:
                await asyncio.sleep(backoff.seconds(attempt) if wait is None else wait)
    message = (
        f"the index page {url} can't be read ({trouble}; {settings.site_retries} tries): check"
        " OUSPARK_SITE_URL and that the site is up, then run again"
    )
    raise SiteError(message)


async def _fetch(
    client: httpx.AsyncClient, settings: SiteSettings, url: str, known: IndexPage | None
) -> tuple[IndexPage | None, str, float | None]:
    """The page, or what the trouble was and how long to wait."""
    try:
        response, body = await _get(client, settings, url, _conditions(known))
    except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
        root = error.__cause__ or error
        if isinstance(root, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)):
            raise certificate_error(urlsplit(url).hostname or "") from None
        return None, type(root).__name__, None
    if response.status_code == NOT_MODIFIED and known is not None:
        return IndexPage(url, None, known.etag, known.last_modified), "", None
    if response.status_code != httpx.codes.OK:
        wait = retry_after_seconds(response.headers.get("retry-after"))
        return None, f"HTTP {response.status_code}", wait
    if body is None:
        return None, f"it is larger than {LARGEST_INDEX} bytes", None
    headers = response.headers
    page = IndexPage(str(response.url), body, headers.get("etag"), headers.get("last-modified"))
    return page, "", None


async def _get(
    client: httpx.AsyncClient, settings: SiteSettings, url: str, headers: dict[str, str]
) -> tuple[httpx.Response, bytes | None]:
    """The response and its body, after redirects within the site."""
    timeout = httpx.Timeout(settings.site_read_timeout, connect=settings.site_connect_timeout)
    for _ in range(MOST_REDIRECTS + 1):
        async with client.stream("GET", url, headers=headers, timeout=timeout) as response:
            target = _target(url, response.headers.get("location", ""))
            if response.status_code not in REDIRECTS or response.status_code == NOT_MODIFIED:
                return response, await read_body(response, LARGEST_INDEX)
        if not same_site(target, url):
            message = (
                f"the index page {url} redirects to another host ({urlsplit(target).hostname}),"
                " which is not followed: check OUSPARK_SITE_URL"
            )
            raise SiteError(message)
        url = target
    shown = url[:LONGEST_URL_SHOWN]
    message = f"the index page redirects in circles ({shown}): check OUSPARK_SITE_URL"
    raise SiteError(message)


def _target(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        message = f"the index page {url} redirects to what is no address: check OUSPARK_SITE_URL"
        raise SiteError(message) from None


def _conditions(known: IndexPage | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT}
    if known is not None and known.etag:
        headers["If-None-Match"] = known.etag
    if known is not None and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers
