"""Judge an answer of the site: whose page it is, and whether it is complete.

An answer is found, not_found, no_change, or failed with a cause. The bytes are scanned with
patterns and not parsed, because this runs once for every request. `pages/` reads what the page
says about the student.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

HTTP_OK = 200


class Outcome(StrEnum):
    """What the site said about a hall ticket; `failed` means that it gave no valid answer."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    NO_CHANGE = "no_change"
    FAILED = "failed"


class Cause(StrEnum):
    """Why an answer is not valid."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    WRONG_TICKET = "wrong_ticket"
    NO_TICKET = "no_ticket"
    CONTRADICTORY = "contradictory"
    UNKNOWN_PAGE = "unknown_page"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    CONNECTION = "connection"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, with a cause if it is `failed`."""

    outcome: Outcome
    cause: str | None = None

    @classmethod
    def failed(cls, cause: str) -> "Verdict":
        """Return the verdict on an answer that is not valid."""
        return cls(Outcome.FAILED, str(cause))


FOUND = Verdict(Outcome.FOUND)
NOT_FOUND = Verdict(Outcome.NOT_FOUND)
NO_CHANGE = Verdict(Outcome.NO_CHANGE)

# Whatever may stand between two words of a page: spaces, entities for spaces, and tags.
_GAP = rb"(?:[\s\xa0]|&nbsp;?|&#160;?|&#xa0;?|<[^<>]*>)*+"
_QUOTE = rb"(?:[\"'\x93\x94]|&quot;?|&#34;?|&#39;?)?+"
_WORDS = [rb"hall", rb"ticket", rb"n(?:umber|o)\.?", _QUOTE, rb"(\d{12})", _QUOTE, rb"is"]
_SENTENCE = re.compile(
    _GAP.join([*_WORDS, rb"(?:not" + _GAP + rb"(found)|no" + _GAP + rb"(change))"])
)
_LABELLED_TICKET = re.compile(
    _GAP.join([rb"hall", rb"ticket", rb"no\b", rb"\.?", rb":?"]) + _GAP + rb"(\d{12})(?!\d)"
)
_ID_PREFIX = re.compile(rb"\bid\s*=\s*[\"']?$")
_MAX_ID_PREFIX = 12
_TICKET_FIELD = re.compile(rb"name\s*=\s*[\"']?htno\b")
_BOX_END = re.compile(rb"</(?:table|form)\s*>")
_RESULT_TABLES = (b"autonumber4", b"autonumber5")
_SEARCH_TABLE = b"autonumber6"
_UNSETTLED_WORDS = (
    b"promoted", b"detained", b"withheld", b"malpractice", b"later", b"absent", b"fail",
)  # fmt: skip
_END = re.compile(rb"</html\s*>")


def judge_answer(  # noqa: PLR0911 (one return per verdict)
    body: bytes, ticket: str, status: int = HTTP_OK
) -> Verdict:
    """Return the verdict on the answer to a request for this hall ticket."""
    if status != HTTP_OK:
        return Verdict.failed(f"http_{status}")
    page = body.lower()
    personal = _find_table(page, b"autonumber3", 0)
    # Most answers are students' pages: two plain searches there save the search for the pattern.
    may_hold_sentence = personal < 0 or b"not found" in page or b"no change" in page
    sentence = _SENTENCE.search(page) if may_hold_sentence else None
    if personal >= 0 and sentence:
        return Verdict.failed(Cause.CONTRADICTORY)
    if personal >= 0:
        return _judge_student_page(page, personal, ticket.encode("ascii"))
    if sentence and sentence[1] != ticket.encode("ascii"):
        return Verdict.failed(Cause.WRONG_TICKET)
    if sentence:
        return NOT_FOUND if sentence[2] else NO_CHANGE
    if b"<html" in page and not _END.search(page):
        return Verdict.failed(Cause.TRUNCATED)
    return Verdict.failed(Cause.UNKNOWN_PAGE if page.strip() else Cause.EMPTY)


def has_nothing_open(body: bytes) -> bool:
    """Return whether a student's page says PASSED and names no semester with open subjects.

    This only decides whether to ask for the ticket in later releases. It is never shown as a
    result, and any unusual word counts as open.
    """
    page = body.lower()
    result = page[max(page.rfind(b"autonumber5"), 0) :]
    return b"passed" in result and not any(word in result for word in _UNSETTLED_WORDS)


def _find_table(page: bytes, name: bytes, start: int) -> int:
    """Return where the table with this id begins, however the id is quoted; -1 if missing."""
    place = page.find(name, start)
    while place >= 0:
        if _ID_PREFIX.search(page, max(0, place - _MAX_ID_PREFIX), place):
            return place
        place = page.find(name, place + 1)
    return -1


def _judge_student_page(page: bytes, personal: int, ticket: bytes) -> Verdict:
    """Return whether a page with a table of personal details is complete and for this ticket."""
    ends = (_find_table(page, name, personal) for name in (*_RESULT_TABLES, _SEARCH_TABLE))
    end = min((place for place in ends if place >= 0), default=len(page))
    found = _LABELLED_TICKET.search(page, personal, end)
    is_complete = _is_complete(page, personal)
    if found is None:
        return Verdict.failed(Cause.NO_TICKET if is_complete else Cause.TRUNCATED)
    if found[1] != ticket:
        return Verdict.failed(Cause.WRONG_TICKET)
    return FOUND if is_complete else Verdict.failed(Cause.TRUNCATED)


def _is_complete(page: bytes, start: int) -> bool:
    """Return whether the search box follows the tables and is closed, and so is the page."""
    tables_end = max(start, *(page.rfind(name) for name in _RESULT_TABLES))
    box = _find_table(page, _SEARCH_TABLE, tables_end)
    field = _TICKET_FIELD.search(page, box) if box >= 0 else None
    end = _BOX_END.search(page, field.end()) if field else None
    if end is None:
        return False
    return b"<html" not in page or _END.search(page, end.end()) is not None
