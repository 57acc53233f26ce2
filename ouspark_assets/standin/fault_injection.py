"""What goes wrong with which answer: the faults of a profile, drawn anew for every retry.

A draw belongs to the seed, the release, the ticket and how often it was asked, so that the same
requests have the same trouble in any order of arrival. Damage belongs to the ticket alone.
"""

from collections import Counter
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from ouspark_assets.standin.damage import damaged
from ouspark_assets.standin.fault_profiles import Fault, Trouble
from ouspark_assets.standin.http_messages import Delivery, Response
from ouspark_assets.standin.randomness import draw
from ouspark_assets.standin.result_pages import Answers

FOUND_MARK: Final = b'id="AutoNumber2"'
RETRY_AFTER_SECONDS: Final = 1
LEAST_LEFT, MOST_LEFT = 0.02, 0.98

# Tried in this order; the first that is drawn is what happens.
OF_ONE_ANSWER: Final = (
    Trouble.NEVER,
    Trouble.RESET,
    Trouble.ERROR,
    Trouble.SOFT_ERROR,
    Trouble.WRONG_TICKET,
    Trouble.TRUNCATED,
    Trouble.DRIP,
    Trouble.SLOW,
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
TOO_MANY: Final = b"<html><body><h1>429 Too Many Requests</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a results page, and how often before."""

    release: str
    ticket: str
    times: int


class BadDays:
    """The faults of a profile and what they must remember: counts, the rate, the outage."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        self._seed = seed
        self._faults = {fault.trouble: fault for fault in faults}
        self._times: Counter[tuple[str, str]] = Counter()
        self._requests = 0
        self._outage_ends: float | None = None
        self._second, self._in_second = 0, 0

    def any(self) -> bool:
        """Whether anything can go wrong at all."""
        return bool(self._faults)

    def down(self, now: float) -> bool:
        """Whether the outage is on; it begins once, after so many requests."""
        fault = self._faults.get(Trouble.OUTAGE)
        if fault is None or self._requests < fault.after_requests:
            return False
        if self._outage_ends is None:
            self._outage_ends = now + fault.seconds
        return now < self._outage_ends

    def outage_answer(self) -> Response:
        """An error page or a reset, in turn."""
        self._requests += 1
        error = Response(TOMCAT_PAGE, HTTPStatus.INTERNAL_SERVER_ERROR)
        return error if self._requests % 2 else replace(error, delivery=Delivery(resets=True))

    def answer(self, release: str, ticket: str, pages: Answers, now: float) -> Response:
        """The answer of a results page on such a day."""
        if self.down(now):
            return self.outage_answer()
        self._requests += 1
        if self._over_the_rate(now):
            headers = b"Retry-After: %d\r\n" % RETRY_AFTER_SECONDS
            return Response(TOO_MANY, HTTPStatus.TOO_MANY_REQUESTS, headers=headers)
        asked = Asked(release, ticket, self._times[release, ticket])
        self._times[release, ticket] += 1
        usual = Response(self._page(asked, pages))
        for trouble in OF_ONE_ANSWER:
            fault = self._faults.get(trouble)
            if fault and self._chance(asked, trouble) < fault.probability:
                return self._troubled(fault, asked, usual, pages)
        return usual

    def _over_the_rate(self, now: float) -> bool:
        fault = self._faults.get(Trouble.RATE_LIMIT)
        if fault is None:
            return False
        if int(now) != self._second:
            self._second, self._in_second = int(now), 0
        self._in_second += 1
        return self._in_second > fault.per_second

    def _page(self, asked: Asked, pages: Answers) -> bytes:
        page = pages.answer(asked.ticket) if asked.ticket else pages.form()
        fault = self._faults.get(Trouble.DAMAGED)
        key = (self._seed, Trouble.DAMAGED.value, asked.release, asked.ticket)
        if fault is None or FOUND_MARK not in page or draw(*key) >= fault.probability:
            return page
        return damaged(page, draw(*key, "way"))

    def _chance(self, asked: Asked, trouble: Trouble, detail: str = "") -> float:
        return draw(self._seed, trouble.value, detail, asked.release, asked.ticket, asked.times)

    def _troubled(self, fault: Fault, asked: Asked, usual: Response, pages: Answers) -> Response:
        detail = self._chance(asked, fault.trouble, "detail")
        match fault.trouble:
            case Trouble.ERROR:
                return Response(TOMCAT_PAGE, HTTPStatus.INTERNAL_SERVER_ERROR)
            case Trouble.SOFT_ERROR:
                return Response(SOFT_ERRORS[int(detail * len(SOFT_ERRORS))])
            case Trouble.WRONG_TICKET:
                return Response(pages.answer_of_another(asked.ticket, detail))
            case Trouble.TRUNCATED:
                return _truncated(usual, detail)
        return replace(usual, delivery=_delivery(fault, detail))


def _delivery(fault: Fault, detail: float) -> Delivery:
    """How a whole answer is sent on such a day."""
    match fault.trouble:
        case Trouble.NEVER:
            return Delivery(never=True)
        case Trouble.RESET:
            return Delivery(resets=True)
        case Trouble.DRIP:
            return Delivery(drip_seconds=fault.seconds)
    return Delivery(delay=fault.seconds * (1 + detail) / 2)


def _truncated(usual: Response, detail: float) -> Response:
    """Half of them pretend that the part is the whole, the others end before they said."""
    keeps = LEAST_LEFT + (MOST_LEFT - LEAST_LEFT) * (detail * 2 % 1)
    if detail < 1 / 2:
        return replace(usual, body=usual.body[: int(len(usual.body) * keeps)])
    return replace(usual, delivery=Delivery(keeps=keeps))
