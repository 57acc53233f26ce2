"""The site: which address answers what, and which releases are out.

Requests in, responses out; sockets are `connection.py`.
"""

from hashlib import sha256
from http import HTTPStatus
from typing import Final

from ouspark_assets.standin.fault_injection import BadDays
from ouspark_assets.standin.http_messages import Request, Response
from ouspark_assets.standin.index_page import (
    INDEX_PATH,
    RESULTS_FOLDER,
    Listed,
    index_page,
)
from ouspark_assets.standin.other_courses import other_releases
from ouspark_assets.standin.result_pages import Answers, EmptyPages, ReleasePages
from ouspark_assets.standin.titles import title_of
from ouspark_assets.standin.world import Publication, World

PAGE_SUFFIX: Final = ".jsp"
LONGEST_TICKET: Final = 100
INDEX_HOSTS_KEPT: Final = 16
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
    """A world's releases at their addresses, among those of other courses."""

    def __init__(self, world: World, bad_days: BadDays) -> None:
        self._world = world
        self._bad_days = bad_days
        self._pages: dict[str, Answers] = {}
        self._listed: dict[str, Listed] = {}
        self._indexes: dict[str | None, tuple[bytes, str]] = {}
        for publication in world.published:
            self.publish(publication)

    def publish(self, publication: Publication) -> None:
        """Put a release, and what other courses published meanwhile, on the index."""
        release = publication.release
        for other in other_releases(release.published_on):
            if other.key not in self._pages:
                self._pages[other.key] = EmptyPages(other.title, other.published_on)
                self._listed[other.key] = Listed(other.key, other.title, other.published_on)
        self._pages[release.key] = ReleasePages(self._world, publication)
        self._listed[release.key] = Listed(release.key, title_of(release), release.published_on)
        self._indexes.clear()

    def down(self, now: float) -> bool:
        """Whether nobody is let in."""
        return self._bad_days.down(now)

    def respond(self, request: Request, now: float) -> Response:
        """The answer to a request."""
        if request.path.startswith(RESULTS_FOLDER):
            return self._results(request, now)
        if request.path == INDEX_PATH:
            return self._index(request, now)
        if request.path == "/":
            return Response(HOME)
        return Response(MISSING, HTTPStatus.NOT_FOUND)

    def _results(self, request: Request, now: float) -> Response:
        name = request.path.removeprefix(RESULTS_FOLDER)
        pages = self._pages.get(name.removesuffix(PAGE_SUFFIX))
        if pages is None or not name.endswith(PAGE_SUFFIX):
            return Response(MISSING, HTTPStatus.NOT_FOUND)
        asked = request.parameters()
        ticket = asked.get("htno", "").strip()[:LONGEST_TICKET] if "mbstatus" in asked else ""
        if not self._bad_days.any():
            return Response(pages.answer(ticket) if ticket else pages.form())
        return self._bad_days.answer(name.removesuffix(PAGE_SUFFIX), ticket, pages, now)

    def _index(self, request: Request, now: float) -> Response:
        if self._bad_days.down(now):
            return self._bad_days.outage_answer()
        body, tag = self._index_for(request.host)
        headers = f'ETag: "{tag}"\r\n'.encode()
        if request.if_none_match and (
            f'"{tag}"' in request.if_none_match or request.if_none_match.strip() == "*"
        ):
            return Response(body, HTTPStatus.NOT_MODIFIED, INDEX_TYPE, headers)
        return Response(body, content_type=INDEX_TYPE, headers=headers)

    def _index_for(self, host: str | None) -> tuple[bytes, str]:
        if host not in self._indexes:
            if len(self._indexes) >= INDEX_HOSTS_KEPT:
                self._indexes.clear()
            body = index_page(tuple(self._listed.values()), host)
            self._indexes[host] = body, sha256(body).hexdigest()[:32]
        return self._indexes[host]
