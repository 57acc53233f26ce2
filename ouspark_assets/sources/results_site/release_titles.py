"""Read the free-text title of a result link: course, scheme, kind, semesters, session.

Text in, facts out. What a title does not say is None. `release_index.py` selects the releases to
load by these facts. A title costs time in proportion to its length, whatever it contains: the index
page is somebody else's text.
"""

import re
import unicodedata
from dataclasses import dataclass

from ouspark_assets.domain.releases import BE_COURSE, ExamKind, Scheme
from ouspark_assets.domain.subjects import FIRST_SEMESTER, LAST_SEMESTER

FIRST_SESSION_YEAR, LAST_SESSION_YEAR = 1990, 2100
# The longest title seen has 130 characters.
MAX_TITLE_LENGTH = 500
# A session that begins in or after the first of these months and ends by the second spans New Year.
LAST_MONTHS_FROM, FIRST_MONTHS_TO = 10, 3

# "B.E." with dots in any case, "BE" without dots in capitals, or in any case as the first word. Not
# the beginning of B.Ed, B.E.d or B.El.Ed, and not the end of M.B.E.
_BE = re.compile(
    r"(?<![A-Za-z.])(?:(?P<dotted>[Bb]\s?\.\s?[Ee])|(?P<plain>B ?E))"
    r"(?![A-Za-z])(?!\s*\.\s*[A-HJ-UW-Za-hj-uw-z](?![A-Za-z]))(?!\s+[Dd]\b)"
)
_BE_FIRST = re.compile(r"^\W*[Bb][Ee]\b(?!\.?[Dd]\b)")
# "should ", and the character that shows that the verb begins there.
MAX_VERB_LENGTH = 8
_VERB_BEFORE_BE = re.compile(
    r"\b(?:to|will|may|can|must|shall|should|would|not|now)\s+$", re.IGNORECASE
)
_OTHER_COURSE = re.compile(
    r"\b(?:[BM]\s?\.?\s?(?:Sc|Tech|Com|Ed|Pharm(?:acy)?|Arch|Lib|P\.?Ed|B\.?A|C\.?A|S\.?W|F\.?A|H\.?M|"
    r"C\.?J|A|Phil)|M\.?\s?E|LL\.?[BM]|Pharm\.?\s?D|Ph\.?\s?D|B\.?H\.?M\.?C\.?T|P\.?G\.?\s?Diploma|"
    r"Diploma|Certificate|D\.?Ed|Oriental)\b",
    re.IGNORECASE,
)
_NON_CBCS = re.compile(r"\bnon[\s_-]*c\.?\s?b\.?\s?c\.?\s?s\b", re.IGNORECASE)
_CBCS = re.compile(r"\bc\.?\s?b\.?\s?c\.?\s?s\b", re.IGNORECASE)
_AICTE = re.compile(r"\ba\.?\s?i\.?\s?c\.?\s?t\.?\s?e\b", re.IGNORECASE)
_REVALUATION = re.compile(
    r"\bre-?\s?val(?:uation|uated|\b)|\bRV\b|\bR\.V\b|[(\[]\s*r\.?\s?v\.?\s*[)\]]", re.IGNORECASE
)
_REPEATERS = re.compile(
    r"\b(?:back\s?logs?|supply|supple?\.?|supplementary|make[\s-]?up|instant)\b", re.IGNORECASE
)
_REGULAR = re.compile(r"\b(?:main|regular|reg)\b", re.IGNORECASE)

_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8}
_NUMERAL = (
    r"(?:(?:VIII|VII|VI|IV|V|III|II|I)(?![A-Za-z])|[1-8](?!\d)(?:st|nd|rd|th)?(?![A-Za-z\d]))"
)
# Possessive quantifiers: with thirty commas in a row that join nothing, backtracking would not end.
# A list is matched once and as a whole. Trying every part of a list that no "sem" follows took
# 16 ms for one title.
_JOINT = r"(?:\s*+(?:,|&|;|/|\+|\.|-|–|—|\band\b|\bto\b)\s*+)++|\s++"
_LIST = rf"(?<![A-Za-z\d/])(?P<list>{_NUMERAL}(?:(?:{_JOINT}){_NUMERAL})*+)"
_NUMERALS = re.compile(_LIST, re.IGNORECASE)
_WORD_AFTER = re.compile(r"[\s).\]-]*+sem(?:s|ester|esters)?\b", re.IGNORECASE)
_AFTER_WORD = re.compile(rf"\bsem(?:s|ester|esters)?\b[\s.:(\[-]*{_LIST}", re.IGNORECASE)
_ALL_SEMESTERS = re.compile(r"\ball\s+sem(?:s|ester|esters)?\b", re.IGNORECASE)
# The old notation "3/4 II Sem": second semester of the third of four years.
_YEAR_AND_SEMESTER = re.compile(
    r"\b(?P<year>[1-4]|III|II|IV|I)\s*/\s*(?:4|IV)\b\s*(?:year|yr)?\.?[\s,(-]*(?P<half>I{1,2}|[12])[\s).-]*sem",
    re.IGNORECASE,
)
_STEP = re.compile(rf"(?P<dash>-|–|—|\bto\b)|(?P<numeral>{_NUMERAL})", re.IGNORECASE)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?<![A-Za-z])(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
    r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![A-Za-z])\.?"
)
_YEAR = r"(?:(?<!\d)(?P<long>(?:19|20)\d\d)(?!\d)|['’`\-]\s*(?P<short>\d\d)(?!\d))"
# Matched once and as a whole, like a list of numerals.
_SESSION_MONTHS = re.compile(
    rf"(?P<first>{_MONTH})(?:\s*+(?:/|-|–|—|&|,|\band\b|\bto\b)\s*+(?P<second>{_MONTH}))*+",
    re.IGNORECASE,
)
_YEAR_AFTER = re.compile(rf"[\s,./–—(-]*{_YEAR}")
_LONE_YEAR = re.compile(r"(?<![\d/.-])(?:19|20)\d\d(?!\d)")
_LONE_MONTH = re.compile(_MONTH.replace("may", "(?-i:May|MAY)"), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TitleFacts:
    """What a title says; `readable` if it names a course and the year of a session."""

    course: str | None
    scheme: Scheme | None
    kind: ExamKind
    semesters: tuple[int, ...] | None
    session_month: int | None
    session_year: int | None
    repeaters_only: bool
    readable: bool


def read_title(title: str) -> TitleFacts:
    """Return the facts in the title of a result link."""
    # Normalization can make one character eighteen, so the result is cut again.
    normalized = unicodedata.normalize("NFKC", title[:MAX_TITLE_LENGTH])[:MAX_TITLE_LENGTH]
    text = " ".join(normalized.split())
    course = BE_COURSE if _names_engineering(text) else None
    year, month = _find_session(text)
    return TitleFacts(
        course=course,
        scheme=_find_scheme(text),
        kind=ExamKind.REVALUATION if _REVALUATION.search(text) else ExamKind.MAIN,
        semesters=_find_semesters(text),
        session_month=month,
        session_year=year,
        repeaters_only=_REPEATERS.search(text) is not None and _REGULAR.search(text) is None,
        readable=year is not None
        and (course is not None or _OTHER_COURSE.search(text) is not None),
    )


def _names_engineering(text: str) -> bool:
    if _BE_FIRST.match(text):
        return True
    return any(
        found["dotted"] or not _follows_verb(text, found.start()) for found in _BE.finditer(text)
    )


def _follows_verb(text: str, place: int) -> bool:
    return bool(_VERB_BEFORE_BE.search(text, max(0, place - MAX_VERB_LENGTH), place))


def _find_scheme(text: str) -> Scheme | None:
    """Return the scheme named, the newest if there are several."""
    if _AICTE.search(text):
        return Scheme.AICTE
    without, non_cbcs = _NON_CBCS.subn(" ", text)
    if _CBCS.search(without):
        return Scheme.CBCS
    return Scheme.NON_CBCS if non_cbcs else None


def _find_semesters(text: str) -> tuple[int, ...] | None:
    old_style = {
        2 * (_parse_numeral(found["year"]) - 1) + _parse_numeral(found["half"])
        for found in _YEAR_AND_SEMESTER.finditer(text)
    }
    if old_style:
        return tuple(sorted(old_style))
    if _ALL_SEMESTERS.search(text):
        return tuple(range(FIRST_SEMESTER, LAST_SEMESTER + 1))
    lists = [
        found["list"] for found in _NUMERALS.finditer(text) if _WORD_AFTER.match(text, found.end())
    ]
    lists = lists or [found["list"] for found in _AFTER_WORD.finditer(text)]
    return tuple(sorted(set().union(*map(_expand_list, lists)))) or None


def _expand_list(text: str) -> set[int]:
    """Return the semesters of a list; a dash or "to" between two numerals means a range."""
    values: list[int] = []
    spans: set[int] = set()
    steps = list(_STEP.finditer(text))
    for place, step in enumerate(steps):
        if step["numeral"]:
            values.append(_parse_numeral(step["numeral"]))
            continue
        # Several dashes make a chain such as II-IV-VI, which is a list and not a range.
        neighbours = (other for other in (place - 2, place + 2) if 0 <= other < len(steps))
        is_in_chain = any(steps[other]["dash"] for other in neighbours)
        if 0 < place < len(steps) - 1 and not is_in_chain and (end := steps[place + 1]["numeral"]):
            spans.update(range(values[-1], _parse_numeral(end) + 1))
    return spans.union(values)


def _parse_numeral(numeral: str) -> int:
    return int(numeral[0]) if numeral[0].isdigit() else _ROMAN[numeral.upper()]


def _find_session(text: str) -> tuple[int | None, int | None]:
    """Return the year and month of the latest session named."""
    named = []
    for found in _SESSION_MONTHS.finditer(text):
        if after := _YEAR_AFTER.match(text, found.end()):
            last_year, month = (
                int(after["long"] or f"20{after['short']}"),
                _month_number(found["first"]),
            )
            if FIRST_SESSION_YEAR <= last_year <= LAST_SESSION_YEAR:
                named.append((_first_year(last_year, month, found), month))
    if named:
        return max(named)
    years = [int(year) for year in _LONE_YEAR.findall(text)]
    months = _LONE_MONTH.findall(text)
    year = max((year for year in years if year <= LAST_SESSION_YEAR), default=None)
    return year, _month_number(months[0]) if year and months else None


def _first_year(year: int, month: int, found: re.Match[str]) -> int:
    """Return the year in which a session began: "Dec/Jan 2024" began in December 2023."""
    spans_new_year = (
        found["second"]
        and month >= LAST_MONTHS_FROM
        and _month_number(found["second"]) <= FIRST_MONTHS_TO
    )
    return year - 1 if spans_new_year else year


def _month_number(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1
