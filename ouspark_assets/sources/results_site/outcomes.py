"""Whose answer a page is: found, not found, no change, or trouble with its cause.

A scan of bytes, never a parse: it runs once for every request. What the page says of the student
is read in `pages/`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

OK = 200


class Outcome(StrEnum):
    """What the site said of a ticket; `failed` means that it said nothing that counts."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    NO_CHANGE = "no_change"
    FAILED = "failed"


class Cause(StrEnum):
    """Why an answer does not count."""

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
    """An outcome; with `failed`, the cause of it."""

    outcome: Outcome
    cause: str | None = None


FOUND = Verdict(Outcome.FOUND)
NOT_FOUND = Verdict(Outcome.NOT_FOUND)
NO_CHANGE = Verdict(Outcome.NO_CHANGE)

# Blanks, entities for blanks and quotes, and tags: whatever may stand between two words of a page.
_GAP = rb"(?:[\s\xa0]|&nbsp;?|&#160;?|&#xa0;?|<[^<>]*>)*+"
_QUOTE = rb"(?:[\"'\x93\x94]|&quot;?|&#34;?|&#39;?)?+"
_WORDS = [rb"hall", rb"ticket", rb"n(?:umber|o)\.?", _QUOTE, rb"(\d{12})", _QUOTE, rb"is"]
_SENTENCE = re.compile(
    _GAP.join([*_WORDS, rb"(?:not" + _GAP + rb"(found)|no" + _GAP + rb"(change))"])
)
_LABELLED_TICKET = re.compile(
    _GAP.join([rb"hall", rb"ticket", rb"no\b", rb"\.?", rb":?"]) + _GAP + rb"(\d{12})(?!\d)"
)
_ID_BEFORE = re.compile(rb"\bid\s*=\s*[\"']?$")
_LONGEST_ID_BEFORE = 12
_TICKET_FIELD = re.compile(rb"name\s*=\s*[\"']?htno\b")
_BOX_END = re.compile(rb"</(?:table|form)\s*>")
_RESULT_TABLES = (b"autonumber4", b"autonumber5")
_SEARCH_TABLE = b"autonumber6"
_OPEN_WORDS = (b"promoted", b"detained", b"withheld", b"malpractice", b"later", b"absent", b"fail")
_END = re.compile(rb"</html\s*>")


def judge_answer(body: bytes, ticket: str, status: int = OK) -> Verdict:
    """What an answer says of the ticket that was asked for."""
    if status != OK:
        return _trouble(f"http_{status}")
    page = body.lower()
    personal = _table(page, b"autonumber3", 0)
    # Most pages are students', on which the sentence need not be looked for word by word.
    said = personal < 0 or b"not found" in page or b"no change" in page
    sentence = _SENTENCE.search(page) if said else None
    if personal >= 0 and sentence:
        return _trouble(Cause.CONTRADICTORY)
    if personal >= 0:
        return _judge_result(page, personal, ticket.encode("ascii"))
    if sentence:
        return _judge_sentence(sentence, ticket.encode("ascii"))
    if b"<html" in page and not _END.search(page):
        return _trouble(Cause.TRUNCATED)
    return _trouble(Cause.UNKNOWN_PAGE if page.strip() else Cause.EMPTY)


def has_nothing_open(body: bytes) -> bool:
    """Whether a student's page says PASSED and of no semester that something is open.

    A hint for what to ask in later releases, never a result: anything unusual counts as open.
    """
    page = body.lower()
    result = page[max(page.rfind(b"autonumber5"), 0) :]
    return b"passed" in result and not any(word in result for word in _OPEN_WORDS)


def _table(page: bytes, name: bytes, start: int) -> int:
    """Where the table with this id begins, however its id is quoted; -1 when there is none."""
    place = page.find(name, start)
    while place >= 0:
        if _ID_BEFORE.search(page, max(0, place - _LONGEST_ID_BEFORE), place):
            return place
        place = page.find(name, place + 1)
    return -1


def _judge_result(page: bytes, personal: int, ticket: bytes) -> Verdict:
    """The page has a personal table: is it the asked student's, and is it all there?"""
    ends = (_table(page, name, personal) for name in (*_RESULT_TABLES, _SEARCH_TABLE))
    end = min((place for place in ends if place >= 0), default=len(page))
    found = _LABELLED_TICKET.search(page, personal, end)
    whole = _is_whole(page, personal)
    if found is None:
        return _trouble(Cause.NO_TICKET if whole else Cause.TRUNCATED)
    if found[1] != ticket:
        return _trouble(Cause.WRONG_TICKET)
    return FOUND if whole else _trouble(Cause.TRUNCATED)


def _is_whole(page: bytes, start: int) -> bool:
    """Whether the search box follows the tables and closes, and so does the page."""
    tables_end = max(start, *(page.rfind(name) for name in _RESULT_TABLES))
    box = _table(page, _SEARCH_TABLE, tables_end)
    field = _TICKET_FIELD.search(page, box) if box >= 0 else None
    end = _BOX_END.search(page, field.end()) if field else None
    if end is None:
        return False
    return b"<html" not in page or _END.search(page, end.end()) is not None


def _judge_sentence(sentence: re.Match[bytes], ticket: bytes) -> Verdict:
    if sentence[1] != ticket:
        return _trouble(Cause.WRONG_TICKET)
    return NOT_FOUND if sentence[2] else NO_CHANGE


def _trouble(cause: str) -> Verdict:
    return Verdict(Outcome.FAILED, str(cause))
