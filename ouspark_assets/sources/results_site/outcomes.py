"""Judge an answer of the site: whose page it is, and whether it is complete.

An answer is found, not_found, no_change, no_result with a sentence, or failed with a cause. The
bytes are scanned with patterns and not parsed, because this runs once for every request; only a
page of an unusual kind is parsed for its sentence. `pages/` reads what the page says
about the student.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ouspark_assets.pages.sentences import (
    find_sentence,
    find_tickets,
    line_keys,
    read_lines,
    shows_record,
)

HTTP_OK = 200


class Outcome(StrEnum):
    """What the site said about a hall ticket; `failed` means that it gave no valid answer.

    `no_result` is a complete page of the site that says something else about the ticket, e.g. that
    the fee was not paid.
    """

    FOUND = "found"
    NOT_FOUND = "not_found"
    NO_CHANGE = "no_change"
    NO_RESULT = "no_result"
    FAILED = "failed"


class Cause(StrEnum):
    """Why an answer is not valid."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    WRONG_TICKET = "wrong_ticket"
    NO_TICKET = "no_ticket"
    CONTRADICTORY = "contradictory"
    UNKNOWN_PAGE = "unknown_page"
    # A complete page of the site with a sentence that a rule gives to the outcome `failed`.
    ERROR_PAGE = "error_page"
    TOO_LARGE = "too_large"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    CONNECTION = "connection"
    REDIRECT = "redirect"
    # Pages without a result that are not conclusive; `confirmation.py` says when.
    UNCONFIRMED = "no_result_unconfirmed"
    ANSWER_CHANGED = "no_result_answer_changed"
    NO_KNOWN_TICKET = "no_result_no_known_ticket"
    TOO_MANY_WITHOUT_RESULT = "no_result_too_many"


UNCONFIRMED_CAUSES = tuple(cause.value for cause in Cause if cause.value.startswith("no_result"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, with a cause if it is `failed`, and the page's lines if it is `no_result`."""

    outcome: Outcome
    cause: str | None = None
    lines: tuple[str, ...] = ()

    @classmethod
    def failed(cls, cause: str) -> "Verdict":
        """Return the verdict on an answer that is not valid."""
        return cls(Outcome.FAILED, str(cause))


FOUND = Verdict(Outcome.FOUND)
NOT_FOUND = Verdict(Outcome.NOT_FOUND)
NO_CHANGE = Verdict(Outcome.NO_CHANGE)

ANY_TEXT = "*"
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
_TICKET_INPUT = re.compile(rb"<input\b[^<>]*\bname\s*=\s*[\"']?htno\b[^<>]*>")
_VALUE = re.compile(rb"\bvalue\s*=\s*[\"']?\s*(\d{12})(?!\d)")
_BOX_END = re.compile(rb"</(?:table|form)\s*>")
_RESULT_TABLES = (b"autonumber4", b"autonumber5")
_SEARCH_TABLE = b"autonumber6"
_UNSETTLED_WORDS = (
    b"promoted", b"detained", b"withheld", b"malpractice", b"later", b"absent", b"fail",
)  # fmt: skip
_END = re.compile(rb"</html\s*>")


@dataclass(frozen=True, slots=True)
class SentenceRule:
    """A pattern and the outcome of the answers whose sentence contains it.

    Case and runs of white space don't matter; `*` stands for any text.
    """

    pattern: str
    outcome: Outcome

    def matches(self, sentence: str) -> bool:
        """Return whether the sentence contains the pattern."""
        text, place = fold_text(sentence), 0
        for part in fold_text(self.pattern).split(ANY_TEXT):
            found = text.find(part.strip(), place)
            if found < 0:
                return False
            place = found + len(part.strip())
        return True


def find_rule(rules: Iterable[SentenceRule], sentence: str) -> SentenceRule | None:
    """Return the first rule that a sentence matches."""
    return next((rule for rule in rules if rule.matches(sentence)), None)


class ReleaseSentences:
    """What the pages of one release say, compared with its ordinary pages."""

    def __init__(self, rules: Sequence[SentenceRule]) -> None:
        self._rules = rules
        self._ordinary: bytes | None = None
        self._on_other_pages: frozenset[str] = frozenset()

    def add_ordinary_page(self, body: bytes) -> None:
        """Take a page with a result, or that says not found: its other lines are on every page."""
        if self._ordinary is None and not self._on_other_pages:
            self._ordinary = body

    def find(self, lines: Iterable[str]) -> str | None:
        """Return the sentence in the lines of a page."""
        return find_sentence(lines, self._lines_of_other_pages())

    def find_tickets(self, lines: Iterable[str]) -> set[str]:
        """Return the hall tickets that the lines of a page name."""
        return find_tickets(lines, self._lines_of_other_pages())

    def _lines_of_other_pages(self) -> frozenset[str]:
        if self._ordinary is not None:
            # Read only now: most releases have no page without a result.
            self._on_other_pages, self._ordinary = line_keys(read_lines(self._ordinary)), None
        return self._on_other_pages

    def outcome_of(self, sentence: str) -> Outcome:
        """Return the outcome that a rule gives to a sentence; without a rule, `no_result`."""
        rule = find_rule(self._rules, sentence)
        return rule.outcome if rule is not None else Outcome.NO_RESULT


def fold_text(text: str) -> str:
    """Return the text without differences of case and white space."""
    return " ".join(text.casefold().split())


def judge_answer(  # noqa: PLR0911 (one return per verdict)
    body: bytes, ticket: str, status: int = HTTP_OK, sentences: ReleaseSentences | None = None
) -> Verdict:
    """Return the verdict on the answer to a request for this hall ticket.

    `sentences` are the rules and the ordinary pages of its release, as far as they are known.
    """
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
    if _is_own_page(page):
        return _judge_own_page(body, page, ticket, sentences or ReleaseSentences(()))
    return Verdict.failed(Cause.UNKNOWN_PAGE if page.strip() else Cause.EMPTY)


def has_nothing_open(body: bytes) -> bool:
    """Return whether a student's page says PASSED and names no semester with open subjects.

    This only decides whether to ask for the ticket in later releases. It is never shown as a
    result, and any unusual word counts as open.
    """
    page = body.lower()
    result = page[max(page.rfind(b"autonumber5"), 0) :]
    return b"passed" in result and not any(word in result for word in _UNSETTLED_WORDS)


def _is_own_page(page: bytes) -> bool:
    """Return whether a page that is not cut off has the site's form, and the form is complete."""
    field = _TICKET_INPUT.search(page)
    end = _BOX_END.search(page, field.end()) if field else None
    return end is not None and (b"<html" in page or page.find(b"</form", end.start()) >= 0)


def _judge_own_page(body: bytes, page: bytes, ticket: str, sentences: ReleaseSentences) -> Verdict:
    """Return the verdict on a complete page of the site with neither a result nor "not found"."""
    field = _TICKET_INPUT.search(page)
    asked = _VALUE.search(field[0]) if field else None
    if asked and asked[1] != ticket.encode("ascii"):
        return Verdict.failed(Cause.WRONG_TICKET)
    lines = read_lines(body)
    sentence = sentences.find(lines)
    if sentence is None or shows_record(body):
        return Verdict.failed(Cause.UNKNOWN_PAGE)
    if sentences.find_tickets(lines) - {ticket}:
        return Verdict.failed(Cause.WRONG_TICKET)
    outcome = sentences.outcome_of(sentence)
    if outcome is Outcome.FAILED:
        return Verdict.failed(Cause.ERROR_PAGE)
    return Verdict(outcome, lines=lines if outcome is Outcome.NO_RESULT else ())


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
