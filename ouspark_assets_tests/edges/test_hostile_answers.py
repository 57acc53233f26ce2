"""Hostile answers of the site end with a cause or an error, in little time and memory.

The bytes are written by hand. `sources/results_site/test_site_client.py` tests usual failures.
"""

import asyncio
import gzip
import zlib
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.outcomes import Cause, Outcome, judge_answer
from ouspark_assets.sources.results_site.release_facts import ReleaseFacts
from ouspark_assets.sources.results_site.release_index import parse_index, require_links
from ouspark_assets.sources.results_site.scrape_request import ScrapeRequest, build_scope
from ouspark_assets.sources.results_site.scraper import run_scrape
from ouspark_assets.sources.results_site.site_client import Answer, SiteClient
from ouspark_assets.sources.results_site.site_index import fetch_index
from ouspark_assets_tests.edges.limits import memory_limit, time_limit
from ouspark_assets_tests.edges.raw_site import (
    Talk,
    after_request,
    endless,
    listening,
    reply_with,
    silent_after,
)
from ouspark_assets_tests.sources.results_site.small_site import found_page

TICKET = "160421733001"
NOW = datetime(2025, 4, 2, tzinfo=UTC)
T = TypeVar("T")
PATIENT = SiteSettings(site_retries=1, site_patience=1, site_read_timeout=30, site_page_timeout=40)
# For answers that end only when the client gives up.
HASTY = SiteSettings(site_retries=1, site_patience=1, site_read_timeout=0.3, site_page_timeout=0.6)
ENDED_BY_US = (Cause.TIMEOUT, Cause.TOO_SLOW)
MEGABYTES = 60
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BLOCK = b"x" * 65_536


@cache
def bomb(*, twice: bool = False) -> bytes:
    """Return a compression bomb: 100 MB of zeros, compressed once or twice."""
    packing, block = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16), bytes(1_000_000)
    found = b"".join(packing.compress(block) for _ in range(100)) + packing.flush()
    return gzip.compress(found, 9) if twice else found


@pytest.fixture(scope="module", autouse=True)
def _bombs() -> None:
    """Build the bombs before any request is timed and before memory is measured."""
    bomb()
    bomb(twice=True)


def bombing(encoding: str) -> Talk:
    """Send a compression bomb."""
    return lambda client: client.sendall(packed(encoding, bomb(twice="," in encoding)))


def packed(encoding: str, body: bytes) -> bytes:
    # The connection is closed after the answer: a client that reused it would find it reset.
    head = (
        f"Connection: close\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return OK + head.encode() + body


# What is sent, the cause for a ticket, and a part of the error for the index.
ANSWERS: dict[str, tuple[Talk, Cause | None, str]] = {
    "a length of terabytes, then nothing": (
        silent_after(OK + b"Content-Length: 9999999999999\r\n\r\n"), Cause.TIMEOUT, "Timeout",
    ),
    "a length of terabytes, with data": (
        endless(OK + b"Content-Length: 9999999999999\r\n\r\n", BLOCK), Cause.TOO_LARGE, "larger",
    ),
    "a length of thirty digits": (
        reply_with(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nx"), Cause.CONNECTION, "Http",
    ),
    "no length and no end": (endless(OK + b"\r\n", BLOCK), Cause.TOO_LARGE, "larger"),
    "chunks without end": (
        endless(CHUNKED, b"10000\r\n" + BLOCK + b"\r\n"), Cause.TOO_LARGE, "larger",
    ),
    "a chunk size without end": (endless(CHUNKED, b"0" * 65_536), Cause.TOO_SLOW, "no answer"),
    "a chunk extension without end": (
        endless(CHUNKED + b"1;", b"a" * 65_536), Cause.TOO_SLOW, "no answer",
    ),
    "trailers without end": (
        endless(CHUNKED + b"0\r\n", b"a: b\r\n" * 9000), Cause.CONNECTION, "Error",
    ),
    "a negative chunk": (reply_with(CHUNKED + b"-5\r\nxxxxx\r\n"), Cause.CONNECTION, "Http"),
    "a chunk beyond 64 bits": (
        reply_with(CHUNKED + b"F" * 20 + b"\r\nx"), Cause.CONNECTION, "Http",
    ),
    "a gzip bomb": (bombing("gzip"), Cause.TOO_LARGE, "larger"),
    "a deflate bomb": (
        bombing("deflate"), Cause.TOO_LARGE, "larger",
    ),
    "a bomb in a bomb": (bombing("gzip, gzip"), None, "no link"),
    "invalid gzip": (reply_with(packed("gzip", b"nonsense")), Cause.CONNECTION, "error"),
    "an unknown encoding": (reply_with(packed("zip", b"PK\3\4")), None, "no link"),
    "one header without end": (endless(OK + b"X: ", b"a" * 65_536), Cause.CONNECTION, "Http"),
    "headers without end": (endless(OK, b"X: abc\r\n" * 8000), Cause.CONNECTION, "Http"),
    "large headers without end": (
        endless(OK, (b"X: " + b"a" * 8000 + b"\r\n") * 8), Cause.CONNECTION, "Http",
    ),
    "a status line without end": (
        endless(b"HTTP/1.1 200 ", b"O" * 65_536), Cause.CONNECTION, "Http",
    ),
    "100 Continue without end": (
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), Cause.TOO_SLOW, "no answer",
    ),
    "an invalid status": (reply_with(b"HTTP/1.1 abc OK\r\n\r\n"), Cause.CONNECTION, "Http"),
    "a status of five digits": (reply_with(b"HTTP/1.1 99999 OK\r\n\r\n"), Cause.CONNECTION, "Http"),
    "another protocol": (reply_with(b"SSH-2.0-OpenSSH_9.6\r\n"), Cause.CONNECTION, "Http"),
    "a negative length": (
        reply_with(OK + b"Content-Length: -1\r\n\r\nx"), Cause.CONNECTION, "Http",
    ),
    "two lengths": (
        reply_with(OK + b"Content-Length: 1\r\nContent-Length: 5\r\n\r\nxxxxx"),
        Cause.CONNECTION, "Http",
    ),
    "a NUL in a header": (
        reply_with(OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n"), Cause.CONNECTION, "Http",
    ),
    "nothing": (silent_after(b""), Cause.TIMEOUT, "Timeout"),
    "a hang-up": (reply_with(b""), Cause.CONNECTION, "Disconnected"),
}  # fmt: skip
NAMED = [pytest.param(*case, id=name) for name, case in ANSWERS.items()]


def run(work: Coroutine[Any, Any, T]) -> T:
    with memory_limit(MEGABYTES):
        return asyncio.run(work)


async def fetch_answer(url: str, settings: SiteSettings = PATIENT) -> Answer:
    async with SiteClient(settings, f"{url}/res07/20250402.jsp") as client:
        return await client.fetch(TICKET)


def settings_for(cause: Cause | None) -> SiteSettings:
    return HASTY if cause in ENDED_BY_US else PATIENT


def index_refused(talk: Talk, settings: SiteSettings = PATIENT) -> str:
    """Return the one-line error for an index page like this."""

    def read(url: str) -> None:
        page = run(fetch_index(settings, url))
        require_links(parse_index(page.body or b"", page.url, seen_at=NOW), page.url)

    with listening(after_request(talk)) as port, pytest.raises(SiteError) as error:
        read(f"http://127.0.0.1:{port}")
    message = str(error.value)
    assert "OUSPARK_SITE_URL" in message
    assert message.isprintable()
    assert len(message) < 400
    return message


@pytest.mark.parametrize(("talk", "cause", "expected"), NAMED)
def test_a_request_for_a_ticket_ends_with_a_cause(
    talk: Talk, cause: Cause | None, expected: str
) -> None:
    del expected
    with listening(after_request(talk)) as port:
        answer = run(fetch_answer(f"http://127.0.0.1:{port}", settings_for(cause)))
    # A body that breaks at its very end gives one or the other, depending on timing.
    assert answer.cause == cause or {answer.cause, cause} == {
        Cause.TRUNCATED,
        Cause.CONNECTION,
    }
    # An answer without a cause is judged, and no student is found in it.
    assert judge_answer(answer.body, TICKET, answer.status or 0).outcome is Outcome.FAILED


@pytest.mark.parametrize(("talk", "cause", "expected"), NAMED)
def test_the_index_is_refused_with_a_one_line_error(
    talk: Talk, cause: Cause | None, expected: str
) -> None:
    assert expected in index_refused(talk, settings_for(cause))


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP "])
def test_a_compressed_page_is_read(encoding: str) -> None:
    page = found_page(TICKET)
    body = zlib.compress(page) if encoding == "deflate" else gzip.compress(page)
    with listening(after_request(reply_with(packed(encoding, body)))) as port:
        assert run(fetch_answer(f"http://127.0.0.1:{port}")).body == page


@pytest.mark.parametrize(
    "header",
    [
        b"\xff\xfe",
        b"-1",
        b"9" * 400,
        b"Fri, 31 Dec 99999999999 23:59:59 GMT",
        b"Fri, 31 Dec 2024 23:59:59 +9999999999",
        b"Fri, 00 Foo 0000 99:99:99 GMT",
        b"soon",
    ],
    ids=repr,
)
def test_an_invalid_retry_after_is_ignored_or_bounded(header: bytes) -> None:
    sent = b"HTTP/1.1 503 X\r\nRetry-After: " + header + b"\r\nContent-Length: 0\r\n\r\n"
    with listening(after_request(reply_with(sent))) as port:
        answer = run(fetch_answer(f"http://127.0.0.1:{port}"))
    assert answer.status == 503
    assert 0 <= (answer.retry_after or 0) <= 300


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://[", "not a URL"),
        (b"http://127.0.0.1:99999999/", "another host"),
        (b"//results.invalid/", "another host"),
        (b"https://127.0.0.1@results.invalid/", "another host"),
        (b"file:///etc/passwd", "another host"),
        (b"javascript:alert(1)", "InvalidURL"),
        (b"/" + b"a" * 8000, "redirects more than 3 times"),
        (b"/\xff\xfe", "redirects more than 3 times"),
    ],
    ids=repr,
)
def test_an_index_that_redirects_elsewhere_is_refused(target: bytes, expected: str) -> None:
    sent = b"HTTP/1.1 302 X\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
    assert expected in index_refused(reply_with(sent))


def test_a_scrape_of_compression_bombs_ends_with_every_ticket_failed(
    tmp_path: Path,
) -> None:
    tickets = tuple(f"160421733{serial:03d}" for serial in range(1, 9))
    with listening(after_request(bombing("gzip"))) as port:
        facts = ReleaseFacts("20250402", f"http://127.0.0.1:{port}/res07/20250402.jsp")
        request = ScrapeRequest(facts, ("20250402",), tickets)
        archive = PageArchive(str(tmp_path))
        with time_limit():
            report = run_scrape(
                PATIENT, request, archive, build_scope(PATIENT, (), ()), random=Random(1)
            )
    assert (report.found, report.failed, report.complete) == (0, len(tickets), False)
    assert set(archive.answers("20250402")["cause"]) == {Cause.TOO_LARGE.value}
