"""The index page of the results site: fetch it, and extract its links to results pages.

Fetching is conditional and follows `retry_policy.py`. Links are read with parsel's selectors; those
to other hosts are reported and left out. `release_titles.py` reads the titles, and
`release_index.py` turns the links into rows.
"""

import asyncio
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from urllib.parse import quote, urljoin, urlsplit

import httpx
from lxml import etree
from parsel import Selector

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.domain.releases import is_release_key
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.release_titles import MAX_TITLE_LENGTH, read_title
from ouspark_assets.sources.results_site.retry_policy import (
    INDEX_BACKOFF,
    RetryBudget,
    retry_after_seconds,
)
from ouspark_assets.sources.results_site.site_client import (
    REDIRECTS,
    TRANSPORT_ERRORS,
    USER_AGENT,
    create_http_client,
    raise_if_certificate_refused,
    read_body,
)

INDEX_PATH = "/examination-results.php"
RESULTS_FOLDER = "res07"
HTTP_NOT_MODIFIED = 304
# Thousands of links need less than 1 MB. A page a hundred times as long would take minutes and
# gigabytes to read.
MAX_INDEX_BYTES = 8 * 1024 * 1024
MAX_REDIRECTS = 3
MAX_PATH_LENGTH = 200
MAX_SHOWN_LENGTH = 120
# The index has two to four columns. Every cell of a row is read as a title.
MAX_CELLS = 100
MAX_DATE_LENGTH = len("Dated: 00-00-0000 00:00 AM")
# Characters that stay unquoted in a path. Parentheses, quotes and spaces do not, because they mean
# something else in a shell or in Markdown.
SAFE_IN_PATH = "/%:@!$&*+,;=~"
# Texts of links whose title is in another cell of the row.
LINK_WORDS = ("click here", "view", "result", "here", "download", "new")

# Every link to a results page matches this, in any case and with the line breaks that a URL parser
# drops. Without it parsel makes a selector per link: 23 s instead of 3 s for 800,000 other links.
_JSP_LINKS = "//a[contains(translate(@href, 'JSP\t\r\n', 'jsp'), '.jsp')]"
_ROW = "ancestor::*[self::tr or self::li][1]"
# With the same line breaks dropped: otherwise a row of thousands of such links would count as a row
# of none, and every one of its cells would be read as a title once per link.
_RESULT_LINKS_IN_ROW = (
    f"count(.//a[contains(translate(@href, 'RES\t\r\n', 'res'), '{RESULTS_FOLDER}')])"
)
_RESULT_PATH = re.compile(rf"/{RESULTS_FOLDER}/(?P<stem>[^/]*)\.jsp$", re.IGNORECASE)
_DATE = re.compile(
    r"(?<!\d)(?P<day>\d{1,2})[-./](?P<month>\d{1,2})[-./](?P<year>(?:19|20)\d\d)(?!\d)"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class IndexPage:
    """The index page as received; `body` is None if it has not changed since the last time."""

    url: str
    body: bytes | None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def is_unchanged(self) -> bool:
        """Whether the site says that the page has not changed."""
        return self.body is None


@dataclass(frozen=True, slots=True)
class IndexLink:
    """A link to a results page, with the title and the date that the index shows for it."""

    release: str
    title: str
    url: str
    published_on: date | None


# Fetching


class _TransientError(Exception):
    """A failed request that is worth repeating."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.retry_after = reason, retry_after


async def fetch_index(
    settings: SiteSettings,
    site_url: str,
    *,
    known: IndexPage | None = None,
    random: Random | None = None,
) -> IndexPage:
    """Return the index page of a site, requested conditionally if an earlier one is known."""
    url = site_url.rstrip("/") + INDEX_PATH
    random = random or Random()  # noqa: S311
    attempts = RetryBudget.from_settings(settings).max_attempts
    reason = ""
    client, _ = create_http_client(settings, url)
    async with client:
        for attempt in range(1, attempts + 1):
            wait = INDEX_BACKOFF.seconds(attempt, random)
            try:
                async with asyncio.timeout(settings.site_page_timeout):
                    return await _fetch_once(client, settings, url, known)
            except TimeoutError:
                reason = f"no answer in {settings.site_page_timeout:g} s"
            except _TransientError as error:
                reason = error.reason
                wait = wait if error.retry_after is None else error.retry_after
            if attempt < attempts:
                await asyncio.sleep(wait)
    message = (
        f"The index page {url} could not be fetched ({reason}; {attempts} tries). Check"
        " OUSPARK_SITE_URL and that the site is up, then run again."
    )
    raise SiteError(message)


async def _fetch_once(
    client: httpx.AsyncClient, settings: SiteSettings, url: str, known: IndexPage | None
) -> IndexPage:
    headers = {"User-Agent": USER_AGENT}
    if known is not None and known.etag:
        headers["If-None-Match"] = known.etag
    if known is not None and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    try:
        response, body = await _get(client, settings, url, headers)
    except TRANSPORT_ERRORS as error:
        raise_if_certificate_refused(error, urlsplit(url).hostname or "")
        raise _TransientError(type(error.__cause__ or error).__name__) from error
    if response.status_code == HTTP_NOT_MODIFIED and known is not None:
        return IndexPage(url, None, known.etag, known.last_modified)
    if response.status_code != httpx.codes.OK:
        retry_after = retry_after_seconds(response.headers.get("retry-after"))
        reason = f"HTTP {response.status_code}"
        raise _TransientError(reason, retry_after)
    if body is None:
        reason = f"it is larger than {MAX_INDEX_BYTES} bytes"
        raise _TransientError(reason)
    etag, last_modified = (response.headers.get(name) for name in ("etag", "last-modified"))
    return IndexPage(str(response.url), body, etag, last_modified)


async def _get(
    client: httpx.AsyncClient, settings: SiteSettings, url: str, headers: dict[str, str]
) -> tuple[httpx.Response, bytes | None]:
    """Return the response and its body, after redirects within the site."""
    timeout = httpx.Timeout(settings.site_read_timeout, connect=settings.site_connect_timeout)
    for _ in range(MAX_REDIRECTS + 1):
        async with client.stream("GET", url, headers=headers, timeout=timeout) as response:
            if response.status_code not in REDIRECTS or response.status_code == HTTP_NOT_MODIFIED:
                return response, await read_body(response, MAX_INDEX_BYTES)
            location = response.headers.get("location", "")
        try:
            target = urljoin(url, location)
        except ValueError as error:
            message = (
                f"The index page {url} redirects to something that is not a URL. Check"
                " OUSPARK_SITE_URL."
            )
            raise SiteError(message) from error
        if not is_same_site(target, url):
            message = (
                f"The index page {url} redirects to another host ({urlsplit(target).hostname}),"
                " which is not followed. Check OUSPARK_SITE_URL."
            )
            raise SiteError(message)
        url = target
    message = (
        f"The index page redirects more than {MAX_REDIRECTS} times, last to"
        f" {url[:MAX_SHOWN_LENGTH]}. Check OUSPARK_SITE_URL."
    )
    raise SiteError(message)


# Links


def extract_links(body: bytes, page_url: str, problems: list[str]) -> Iterator[IndexLink]:
    """Yield the links to results pages from top to bottom; add what is left out to `problems`."""
    page = _parse(body)
    if page is None:
        problems.append("The index page is empty.")
        return
    site = urlsplit(page_url)
    rows: dict[etree._Element, _Row] = {}
    for link in page.xpath(_JSP_LINKS):
        try:
            url = urlsplit(urljoin(page_url, link.attrib["href"].strip()))
        except ValueError:
            continue
        found = _RESULT_PATH.search(url.path)
        if found is None:
            continue
        if not is_same_site(url.geturl(), page_url):
            problems.append(f"A link to another host was left out: {shorten(url.netloc)}")
        elif not is_release_key(found["stem"]) or len(url.path) > MAX_PATH_LENGTH:
            problems.append(
                f"A link whose name cannot be a release key was left out: {shorten(url.path)}"
            )
        else:
            title, published_on = _read_title_and_date(link, rows)
            address = f"{site.scheme}://{site.netloc}{quote(url.path, safe=SAFE_IN_PATH)}"
            yield IndexLink(found["stem"], title[:MAX_TITLE_LENGTH], address, published_on)


def shorten(text: str) -> str:
    """Return a text of the page as it may appear in a message."""
    text = _replace_unprintable(text)
    return text if len(text) <= MAX_SHOWN_LENGTH else text[: MAX_SHOWN_LENGTH - 1] + "…"


def is_same_site(url: str, page_url: str) -> bool:
    """Whether two URLs are of one host: www and bare, http and https count as one."""
    return _host_and_port(url) == _host_and_port(page_url)


def _host_and_port(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    is_default = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
    return (parts.hostname or "").removeprefix("www."), None if is_default else port


def _parse(body: bytes) -> Selector | None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("cp1252", errors="replace")
    if not text.replace("\x00", "").strip():
        return None
    # Without huge_tree libxml2 stops at a depth of 256, so nested tables cost no more than that.
    # parsel warns when it does, which says nothing to the operator.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Input data is too big", UserWarning)
        return Selector(text, type="html", huge_tree=False)


@dataclass(frozen=True, slots=True)
class _Row:
    """A table row or list item, read once for all links in it."""

    # The text of every cell, and its element.
    cells: list[tuple[str, etree._Element]]
    result_links: int
    published_on: date | None


def _read_row(row: Selector) -> _Row:
    cells = [(_read_text(cell), cell.root) for cell in row.css("td, th")[:MAX_CELLS]]
    dates = (_read_date(text) for text, _ in cells if len(text) <= MAX_DATE_LENGTH)
    published_on = next(filter(None, dates), None) if cells else _read_date(_read_text(row))
    return _Row(cells, int(float(row.xpath(_RESULT_LINKS_IN_ROW).get() or 0)), published_on)


def _read_title_and_date(
    link: Selector, rows: dict[etree._Element, _Row]
) -> tuple[str, date | None]:
    """Return the title and date of a link: from its table row or list item, else its own text."""
    own = _read_text(link)
    containers = link.xpath(_ROW)
    if not containers:
        return own, _read_date(own)
    element = containers[0].root
    if element not in rows:
        rows[element] = _read_row(containers[0])
    row = rows[element]
    if row.result_links > 1 or not row.cells:
        return own, row.published_on
    around = set(link.root.iterancestors())
    texts = [own, *(text for text, cell in row.cells if cell not in around)]
    titles = [text for text in texts if not _DATE.fullmatch(text)]
    return max(titles, key=_title_quality, default=own), row.published_on


def _title_quality(text: str) -> tuple[bool, bool, int]:
    """Return a sort key: how much a text looks like the title among those of a row."""
    has_words = text.casefold() not in LINK_WORDS and any(letter.isalpha() for letter in text)
    return read_title(text).readable, has_words, len(text)


def _read_text(element: Selector) -> str:
    return _replace_unprintable(" ".join((element.xpath("string()").get() or "").split()))


def _replace_unprintable(text: str) -> str:
    """Replace the characters that would garble a terminal or a log."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _read_date(text: str) -> date | None:
    for found in _DATE.finditer(text):
        try:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            continue
    return None
