"""The addresses of the site: which request gets which response, and which releases are listed.

Sockets and connections are in `http_server.py`.
"""

from hashlib import sha256
from http import HTTPStatus
from typing import Final

from ouspark_assets.standin.fault_injection import FaultInjector
from ouspark_assets.standin.http_messages import Request, Response
from ouspark_assets.standin.index_page import (
    INDEX_PATH,
    RESULTS_FOLDER,
    IndexEntry,
    list_other_releases,
    render_index,
)
from ouspark_assets.standin.result_pages import EmptyPages, ReleasePages
from ouspark_assets.standin.world import PublishedRelease, World

PAGE_SUFFIX: Final = ".jsp"
MAX_TICKET_LENGTH: Final = 100
MAX_CACHED_INDEXES: Final = 16
INDEX_TYPE: Final = b"text/html; charset=UTF-8"
HOME: Final = (
    b"<html><head><title>Osmania University</title></head><body>"
    b'<a href="/examination-results.php">Examination Results</a></body></html>'
)
MISSING: Final = (
    b"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1>"
    b"<p>The requested URL was not found on this server.</p></body></html>"
)


class ResultsSite:
    """The published releases at their addresses, among those of other courses."""

    def __init__(self, world: World, faults: FaultInjector) -> None:
        self._world = world
        self._faults = faults
        self._pages: dict[str, EmptyPages] = {}
        self._entries: dict[str, IndexEntry] = {}
        self._indexes: dict[str | None, tuple[bytes, str]] = {}
        for published in world.published:
            self.publish(published)

    def publish(self, published: PublishedRelease) -> None:
        """Add a release to the index, with what other courses have published by then."""
        release = published.release
        for other in list_other_releases(release.published_on):
            if other.key not in self._pages:
                self._pages[other.key] = EmptyPages(other.title, other.published_on)
                self._entries[other.key] = other
        self._pages[release.key] = ReleasePages(self._world, published)
        self._entries[release.key] = IndexEntry(release.key, release.title, release.published_on)
        self._indexes.clear()

    def is_down(self, now: float) -> bool:
        """Return whether the site refuses connections."""
        return self._faults.is_down(now)

    def respond(self, request: Request, now: float) -> Response:
        """Return the response to a request."""
        if request.path.startswith(RESULTS_FOLDER):
            return self._respond_with_result(request, now)
        if request.path == INDEX_PATH:
            return self._respond_with_index(request, now)
        if request.path == "/":
            return Response(HOME)
        return Response(MISSING, HTTPStatus.NOT_FOUND)

    def _respond_with_result(self, request: Request, now: float) -> Response:
        name = request.path.removeprefix(RESULTS_FOLDER)
        release = name.removesuffix(PAGE_SUFFIX)
        pages = self._pages.get(release)
        if pages is None or not name.endswith(PAGE_SUFFIX):
            return Response(MISSING, HTTPStatus.NOT_FOUND)
        form = request.parameters()
        ticket = form.get("htno", "").strip()[:MAX_TICKET_LENGTH] if "mbstatus" in form else ""
        if not self._faults.has_faults:
            return Response(pages.answer(ticket) if ticket else pages.render_form())
        return self._faults.answer(release, ticket, pages, now)

    def _respond_with_index(self, request: Request, now: float) -> Response:
        if self._faults.is_down(now):
            return self._faults.answer_in_outage()
        if request.host not in self._indexes:
            if len(self._indexes) >= MAX_CACHED_INDEXES:
                self._indexes.clear()
            body = render_index(tuple(self._entries.values()), request.host)
            self._indexes[request.host] = body, sha256(body).hexdigest()[:32]
        body, tag = self._indexes[request.host]
        headers = f'ETag: "{tag}"\r\n'.encode()
        known = request.if_none_match
        if known and (f'"{tag}"' in known or known.strip() == "*"):
            return Response(body, HTTPStatus.NOT_MODIFIED, INDEX_TYPE, headers)
        return Response(body, content_type=INDEX_TYPE, headers=headers)
