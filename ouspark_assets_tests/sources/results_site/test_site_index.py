"""Fetching the index page: conditional, retried, and never from another host."""

import asyncio
from random import Random

import pytest

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.site_index import IndexPage, fetch_index
from ouspark_assets_tests.sources.results_site.small_site import Sent, SmallSite, small_site

BODY = b"<table><tr><td><a href='res07/1.jsp'>B.E. (CBCS) Aug-2025</a></td></tr></table>"
QUICK = SiteSettings(site_retries=3, site_page_timeout=2)


class Hasty(Random):
    """A random generator that makes every backoff zero."""

    def random(self) -> float:
        return 0.0


def fetch(site: SmallSite, known: IndexPage | None = None) -> IndexPage:
    return asyncio.run(fetch_index(QUICK, site.url, known=known, random=Hasty()))


def test_the_page_has_its_etag_and_last_modified() -> None:
    headers = {"ETag": '"a"', "Last-Modified": "Fri, 20 Nov 2026 12:00:00 GMT"}
    with small_site(lambda _: Sent(BODY, headers=headers)) as site:
        page = fetch(site)
    assert (page.body, page.etag, page.is_unchanged) == (BODY, '"a"', False)
    assert site.tickets == ["/examination-results.php"]


def test_a_known_page_is_requested_conditionally() -> None:
    known = IndexPage("x", BODY, '"a"', "Fri, 20 Nov 2026 12:00:00 GMT")
    with small_site(lambda _: Sent(b"", 304)) as site:
        page = fetch(site, known)
    assert page.is_unchanged
    assert (page.etag, page.last_modified) == (known.etag, known.last_modified)
    assert 'if-none-match: "a"' in site.heads[0].lower()
    assert "if-modified-since: fri, 20 nov 2026" in site.heads[0].lower()


def test_transient_failures_are_retried() -> None:
    answers = iter([Sent(b"", 500), Sent(reset=True), Sent(BODY)])
    with small_site(lambda _: next(answers)) as site:
        assert fetch(site).body == BODY


def test_a_site_that_stays_down_raises_a_one_line_error() -> None:
    with (
        small_site(lambda _: Sent(b"", 503)) as site,
        pytest.raises(SiteError, match=r"HTTP 503; 3 tries.*OUSPARK_SITE_URL"),
    ):
        fetch(site)
    assert len(site.requests) == 3


def test_a_redirect_within_the_site_is_followed() -> None:
    def answers(path: str) -> Sent:
        return Sent(BODY) if path == "/new.php" else Sent(b"", 301, {"Location": "/new.php"})

    with small_site(answers) as site:
        page = fetch(site)
    assert page.body == BODY
    assert page.url.endswith("/new.php")


@pytest.mark.parametrize(
    "target", ["http://results.invalid/", "//127.0.0.2/examination-results.php"]
)
def test_a_redirect_to_another_host_is_never_followed(target: str) -> None:
    with (
        small_site(lambda _: Sent(b"", 302, {"Location": target})) as site,
        pytest.raises(SiteError, match="another host"),
    ):
        fetch(site)
    assert len(site.requests) == 1


def test_endless_redirects_raise_an_error() -> None:
    with (
        small_site(lambda path: Sent(b"", 302, {"Location": path})) as site,
        pytest.raises(SiteError, match="redirects more than 3 times"),
    ):
        fetch(site)
