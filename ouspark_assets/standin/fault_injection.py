"""Fault injection: what goes wrong with which answer, drawn again for every retry.

A draw depends on the seed, the release, the ticket and the number of earlier requests for it, so
the same requests get the same faults in any order of arrival. Damage, and a sentence instead of a
result, depend on the seed, the release and the ticket alone. The profiles are in
`fault_profiles.py`.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from http import HTTPStatus
from typing import Final

from ouspark_assets.standin.fault_profiles import Fault, FaultKind
from ouspark_assets.standin.http_messages import Delivery, Response
from ouspark_assets.standin.page_templates import NO_RESULTS
from ouspark_assets.standin.result_pages import EmptyPages

RESULT_MARKER: Final = b'id="AutoNumber2"'
RETRY_AFTER_SECONDS: Final = 1
MIN_KEPT, MAX_KEPT = 0.02, 0.98
BITS_PER_DRAW: Final = 53

# The faults of single answers; the first kind that is drawn applies.
ANSWER_FAULTS: Final = (
    FaultKind.NEVER,
    FaultKind.RESET,
    FaultKind.ERROR,
    FaultKind.SOFT_ERROR,
    FaultKind.WRONG_TICKET,
    FaultKind.TRUNCATED,
    FaultKind.DRIP,
    FaultKind.SLOW,
)
TOMCAT_PAGE: Final = b"""<!doctype html><html lang="en"><head>\
<title>HTTP Status 500 \x96 Internal Server Error</title></head><body>\
<h1>HTTP Status 500 \x96 Internal Server Error</h1><hr class="line"/>\
<p><b>Type</b> Exception Report</p><p><b>Message</b> java.lang.NullPointerException</p>\
<p><b>Description</b> The server encountered an unexpected condition that prevented it from \
fulfilling the request.</p><hr class="line"/><h3>Apache Tomcat</h3></body></html>"""
SOFT_ERRORS: Final = (
    b"<html><body>java.sql.SQLException: Io exception: The Network Adapter could not establish the "
    b"connection</body></html>",
    b"<html><head><title>Service Unavailable</title></head><body><h2>Server is too busy. "
    b"Please try after some time.</h2></body></html>",
    b"",
)
RATE_LIMITED: Final = b"<html><body><h1>429 Too Many Requests</h1></body></html>"


def draw(seed: int, *key: str | int) -> float:
    """Return the random number in [0, 1) that belongs to a seed and a key."""
    text = "|".join(map(str, (seed, *key)))
    digest = blake2b(text.encode(), digest_size=8).digest()
    return float((int.from_bytes(digest, "little") >> 64 - BITS_PER_DRAW) / 2**BITS_PER_DRAW)


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """A request to a results page, and how often the same was requested before."""

    release: str
    ticket: str
    repeats: int


class FaultInjector:
    """The faults of a profile with their state: request counts, the rate, and the outage."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self._seed = seed
        self._faults = {fault.kind: fault for fault in faults}
        self._repeats: Counter[tuple[str, str]] = Counter()
        self._requests = 0
        self._outage_ends: float | None = None
        self._second, self._requests_in_second = 0, 0

    @property
    def has_faults(self) -> bool:
        """Whether the profile has any faults."""
        return bool(self._faults)

    @property
    def takes_results(self) -> bool:
        """Whether some students get a sentence instead of their result."""
        return FaultKind.NO_RESULT in self._faults

    def is_down(self, now: float) -> bool:
        """Return whether there is an outage; one begins after a number of requests, once."""
        fault = self._faults.get(FaultKind.OUTAGE)
        if fault is None or self._requests < fault.after_requests:
            return False
        if self._outage_ends is None:
            self._outage_ends = now + fault.seconds
        return now < self._outage_ends

    def answer_in_outage(self) -> Response:
        """Return an error page and a connection reset in turn."""
        self._requests += 1
        error = Response(TOMCAT_PAGE, HTTPStatus.INTERNAL_SERVER_ERROR)
        return error if self._requests % 2 else replace(error, delivery=Delivery(resets=True))

    def answer(self, release: str, ticket: str, pages: EmptyPages, now: float) -> Response:
        """Return the response to a request for a ticket, with the fault that applies to it."""
        if self.is_down(now):
            return self.answer_in_outage()
        self._requests += 1
        if self._exceeds_rate(now):
            headers = b"Retry-After: %d\r\n" % RETRY_AFTER_SECONDS
            return Response(RATE_LIMITED, HTTPStatus.TOO_MANY_REQUESTS, headers=headers)
        request = TicketRequest(release, ticket, self._repeats[release, ticket])
        self._repeats[release, ticket] += 1
        healthy = Response(self._render_page(request, pages))
        for kind in ANSWER_FAULTS:
            fault = self._faults.get(kind)
            if fault and self._draw(request, kind) < fault.probability:
                return self._apply(fault, request, healthy, pages)
        return healthy

    def _exceeds_rate(self, now: float) -> bool:
        fault = self._faults.get(FaultKind.RATE_LIMIT)
        if fault is None:
            return False
        if int(now) != self._second:
            self._second, self._requests_in_second = int(now), 0
        self._requests_in_second += 1
        return self._requests_in_second > fault.per_second

    def _render_page(self, request: TicketRequest, pages: EmptyPages) -> bytes:
        page = pages.answer(request.ticket) if request.ticket else pages.render_form()
        if (
            RESULT_MARKER in page
            and (sentence := self.find_sentence(request.release, request.ticket)) is not None
        ):
            return pages.render_sentence(sentence)
        fault = self._faults.get(FaultKind.DAMAGED)
        key = (self._seed, FaultKind.DAMAGED.value, request.release, request.ticket)
        if fault is None or RESULT_MARKER not in page or draw(*key) >= fault.probability:
            return page
        return damage_page(page, draw(*key, "way"))

    def find_sentence(self, release: str, ticket: str) -> str | None:
        """Return the sentence that a student gets instead of a result; None for most students."""
        fault = self._faults.get(FaultKind.NO_RESULT)
        key = (self._seed, FaultKind.NO_RESULT.value, release, ticket)
        if fault is None or draw(*key) >= fault.probability:
            return None
        return NO_RESULTS[int(draw(*key, "sentence") * len(NO_RESULTS))].format(ticket=ticket)

    def _draw(self, request: TicketRequest, kind: FaultKind, detail: str = "") -> float:
        key = (detail, request.release, request.ticket, request.repeats)
        return draw(self._seed, kind.value, *key)

    def _apply(
        self, fault: Fault, request: TicketRequest, healthy: Response, pages: EmptyPages
    ) -> Response:
        detail = self._draw(request, fault.kind, "detail")
        match fault.kind:
            case FaultKind.ERROR:
                return Response(TOMCAT_PAGE, HTTPStatus.INTERNAL_SERVER_ERROR)
            case FaultKind.SOFT_ERROR:
                return Response(SOFT_ERRORS[int(detail * len(SOFT_ERRORS))])
            case FaultKind.WRONG_TICKET:
                return Response(pages.answer_for_another(request.ticket, detail))
            case FaultKind.TRUNCATED:
                return _truncate(healthy, detail)
            case FaultKind.NEVER:
                delivery = Delivery(never=True)
            case FaultKind.RESET:
                delivery = Delivery(resets=True)
            case FaultKind.DRIP:
                delivery = Delivery(drip_seconds=fault.seconds)
            case _:
                delivery = Delivery(delay=fault.seconds * (1 + detail) / 2)
        return replace(healthy, delivery=delivery)


def _truncate(healthy: Response, detail: float) -> Response:
    """Cut a body: half of them state the length of the rest, the others end before their length."""
    keeps = MIN_KEPT + (MAX_KEPT - MIN_KEPT) * (detail * 2 % 1)
    if detail < 1 / 2:
        return replace(healthy, body=healthy.body[: int(len(healthy.body) * keeps)])
    return replace(healthy, delivery=Delivery(keeps=keeps))


_FIRST_CREDITS: Final = re.compile(rb"&nbsp;(\d(?:\.5)?|=)</font>")
_FIRST_GRADE: Final = re.compile(rb"&nbsp;(S|A|B|C|D|E|F)</font>")
_FIRST_CODE: Final = re.compile(rb"&nbsp;[1-8]\d\d[A-Z]?</font>")
_NAME: Final = re.compile(rb"(>Name<.*?&nbsp;)[^<]*")


def damage_page(page: bytes, chance: float) -> bytes:
    """Return the page with one defect in its content, which the chance selects.

    The ticket and the search box remain, so the page still counts as an answer for the ticket.
    """
    return _DAMAGES[int(chance * len(_DAMAGES)) % len(_DAMAGES)](page)


def _remove_table(table: bytes) -> Callable[[bytes], bytes]:
    def remove(page: bytes) -> bytes:
        begin = page.rfind(b"<table", 0, max(0, page.find(table)))
        end = page.find(b"</table>", begin)
        return page if begin < 0 else page[:begin] + page[end + len(b"</table>") :]

    return remove


def _replace_in_marks(pattern: re.Pattern[bytes], by: bytes) -> Callable[[bytes], bytes]:
    def replace_first(page: bytes) -> bytes:
        begin = page.find(b'id="AutoNumber4"')
        return page[:begin] + pattern.sub(by, page[begin:], count=1)

    return replace_first


_DAMAGES: Final = (
    _remove_table(b'id="AutoNumber4"'),
    _remove_table(b'id="AutoNumber5"'),
    lambda page: page.replace(b">Name<", b">Candidate<", 1),
    lambda page: page.replace(b">Credits<", b">Weightage<", 1),
    _replace_in_marks(_FIRST_CREDITS, b"&nbsp;#REF!</font>"),
    _replace_in_marks(_FIRST_GRADE, b"&nbsp;?\xa4\x00Z9</font>"),
    _replace_in_marks(_FIRST_CODE, b"&nbsp;</font>"),
    lambda page: _NAME.sub(b"\\g<1>\x00\x01\x02", page, count=1),
)
