"""What pages looked like: headers, labels and vocabularies of a batch, and what nothing read.

Counts only. Texts that might belong to one student are kept until all pages are counted, and shown
only when too many pages share them to be anybody's. Comparing two layouts is `drift.py`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace

import polars as pl

from ouspark_assets.domain.grades import POINTS_BY_GRADE, ResultStatus
from ouspark_assets.pages.headers import HEADER_KEYS, LEAST_HEADERS
from ouspark_assets.pages.records import PageText
from ouspark_assets.pages.vocabulary import COURSES, GENDERS, MEDIUMS, label_key

# So many different texts of a kind are counted; damage has no end of them.
MOST_TEXTS = 200
LONGEST_VALUE = 40
# A text in a label's or header's place is shown when this share of the pages has it.
SHARED_BY = 0.5
LEAST_SHARED = 3
# So short is no name: WH, MP, RL.
SHORT = 4
HIDDEN = "(rare)"
BETWEEN = " | "
KNOWN_VALUES: Mapping[str, frozenset[str]] = {
    "gender": frozenset(GENDERS.values()),
    "course": frozenset(COURSES.values()),
    "medium": frozenset(MEDIUMS.values()),
    "status": frozenset(status.value for status in ResultStatus),
    "grade": frozenset(POINTS_BY_GRADE),
}


@dataclass(frozen=True)
class Layout:
    """The headers, labels and values of some pages, each with the number of pages or rows."""

    pages: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # Places of cells that no field took, with the number of pages.
    unread: Mapping[str, int] = field(default_factory=dict)
    # Texts in a label's place that are no known label.
    strange_labels: Mapping[str, int] = field(default_factory=dict)

    def shown(self) -> "Layout":
        """The layout without any text that might be one student's."""
        least = max(LEAST_SHARED, SHARED_BY * self.pages)
        return replace(
            self,
            headers=_sum({_shown_header(it, n, least): n} for it, n in self.headers.items()),
            values={name: _shown_values(name, counts) for name, counts in self.values.items()},
            unread=_sum({_shown_place(it, n): n} for it, n in self.unread.items()),
            strange_labels={it: n for it, n in self.strange_labels.items() if n >= least},
        )

    def as_json(self) -> str:
        """What may be shown of the layout, as text to be kept beside the release."""
        return json.dumps(asdict(self.shown()), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Layout":
        """The layout that `as_json` wrote."""
        return cls(**json.loads(text))


def layout_of(texts: Iterable[PageText], values: Mapping[str, pl.Series]) -> Layout:
    """The layout of pages that have result tables, with the values seen in some columns."""
    pages = [text for text in texts if text.headers or text.labels]
    return Layout(
        pages=len(pages),
        labels=_most(Counter(label for text in pages for label in text.labels)),
        headers=_most(Counter(header for text in pages for header in _headers(text))),
        values={name: counts for name, it in values.items() if (counts := _most(_counted(it)))},
        unread=_most(Counter(place for text in pages for place in set(text.unread))),
        strange_labels=_most(
            Counter(label for text in pages for label in set(text.strange_labels))
        ),
    )


def merged(layouts: Iterable[Layout]) -> Layout:
    """One layout for all the pages of several."""
    layouts = list(layouts)
    names = dict.fromkeys(name for layout in layouts for name in layout.values)
    return Layout(
        pages=sum(layout.pages for layout in layouts),
        labels=_sum(layout.labels for layout in layouts),
        headers=_sum(layout.headers for layout in layouts),
        values={name: _sum(layout.values.get(name, {}) for layout in layouts) for name in names},
        unread=_sum(layout.unread for layout in layouts),
        strange_labels=_sum(layout.strange_labels for layout in layouts),
    )


def _headers(text: PageText) -> Iterator[str]:
    for columns in text.headers:
        yield f"{columns.section}: {BETWEEN.join(columns.header)}"


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return _most(total)


def _counted(column: pl.Series) -> Counter[str]:
    counts = column.drop_nulls().str.head(LONGEST_VALUE).value_counts(name="n")
    return Counter(dict(zip(counts[column.name], counts["n"], strict=True)))


def _most(counts: Counter[str]) -> dict[str, int]:
    """The most frequent ones in a stable order."""
    return dict(sorted(counts.items(), key=lambda it: (-it[1], it[0]))[:MOST_TEXTS])


def _shown_header(text: str, n: int, least: float) -> str:
    section, _, row = text.partition(": ")
    words = row.split(BETWEEN)
    known = [label_key(word) in HEADER_KEYS for word in words]
    if n >= (LEAST_SHARED if sum(known) >= LEAST_HEADERS else least):
        return text
    masked = [word if is_known else HIDDEN for word, is_known in zip(words, known, strict=True)]
    return f"{section}: {BETWEEN.join(masked)}"


def _shown_place(place: str, n: int) -> str:
    section, _, name = place.partition(": column ")
    hidden = name and not name.isdigit() and n < LEAST_SHARED
    return f"{section}: column {HIDDEN}" if hidden else place


def _shown_values(name: str, counts: Mapping[str, int]) -> dict[str, int]:
    known = KNOWN_VALUES.get(name, frozenset())
    return _sum(
        {text if text in known or n >= LEAST_SHARED or len(text) <= SHORT else HIDDEN: n}
        for text, n in counts.items()
    )
