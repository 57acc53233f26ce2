"""Page layout: the headers, labels and values of a batch of pages, and the cells that nothing read.

Counts only. A text that might identify a student is kept until all pages are counted, and is shown
only if enough pages share it. Comparing two layouts belongs to `drift.py`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

import polars as pl

from ouspark_assets.domain.grades import POINTS_BY_GRADE, ResultStatus
from ouspark_assets.pages.headers import HEADER_KEYS, MIN_KNOWN_HEADERS
from ouspark_assets.pages.page_reader import PageText
from ouspark_assets.pages.vocabulary import COURSES, GENDERS, MEDIUMS, label_key

# The number of different texts of one kind that are counted; damaged pages can have any number.
MAX_TEXTS = 200
MAX_VALUE_LENGTH = 40
# An unknown label or header is shown if at least this share of the pages has it, and at least this
# many pages do.
MIN_SHARE, MIN_PAGES = 0.5, 3
# Values this short are always shown, because they cannot be a name: WH, MP, RL.
MAX_CODE_LENGTH = 4
# Stands for a text that is not shown. It is part of the stored layouts.
RARE = "(rare)"
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
    """The headers, labels and values of some pages, each with the number of pages or rows.

    The field names are the keys of the stored JSON. So are the texts in `unread`, which are
    compared with those of earlier releases.
    """

    pages: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    # Places of the cells that no field read.
    unread: Mapping[str, int] = field(default_factory=dict)
    # Unknown texts where a label is expected.
    strange_labels: Mapping[str, int] = field(default_factory=dict)

    def shown(self) -> "Layout":
        """Return the layout without texts that might identify a student."""
        minimum = max(MIN_PAGES, MIN_SHARE * self.pages)
        return replace(
            self,
            headers=_sum_counts(
                {_shown_header(text, n, minimum): n} for text, n in self.headers.items()
            ),
            values={name: _shown_values(name, counts) for name, counts in self.values.items()},
            unread=_sum_counts({_shown_place(place, n): n} for place, n in self.unread.items()),
            strange_labels={text: n for text, n in self.strange_labels.items() if n >= minimum},
        )

    def as_json(self) -> str:
        """Return the shown layout as JSON, to be stored with the release."""
        return json.dumps(asdict(self.shown()), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Layout":
        """Return the layout that `as_json` stored."""
        return cls(**json.loads(text))


def summarize_layout(texts: Iterable[PageText], values: Mapping[str, pl.Series]) -> Layout:
    """Return the layout of the pages that have result tables, and the values in some columns."""
    pages = [text for text in texts if text.headers or text.labels]
    headers = Counter(
        f"{columns.section}: {BETWEEN.join(columns.header)}"
        for text in pages
        for columns in text.headers
    )
    counts = {}
    for name, column in values.items():
        rows = column.drop_nulls().str.head(MAX_VALUE_LENGTH).value_counts().iter_rows()
        counts[name] = _most_frequent(Counter(dict(rows)))
    return Layout(
        pages=len(pages),
        labels=_most_frequent(Counter(label for text in pages for label in text.labels)),
        headers=_most_frequent(headers),
        values={name: count for name, count in counts.items() if count},
        unread=_most_frequent(Counter(place for text in pages for place in set(text.unread))),
        strange_labels=_most_frequent(
            Counter(label for text in pages for label in set(text.strange_labels))
        ),
    )


def merge_layouts(layouts: Iterable[Layout]) -> Layout:
    """Return one layout for the pages of several layouts."""
    layouts = list(layouts)
    names = dict.fromkeys(name for layout in layouts for name in layout.values)
    counts = ("labels", "headers", "unread", "strange_labels")
    return Layout(
        pages=sum(layout.pages for layout in layouts),
        values={
            name: _sum_counts(layout.values.get(name, {}) for layout in layouts) for name in names
        },
        **{name: _sum_counts(getattr(layout, name) for layout in layouts) for name in counts},
    )


def _sum_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return _most_frequent(total)


def _most_frequent(counts: Counter[str]) -> dict[str, int]:
    """Return the most frequent texts, in a stable order."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dict(ordered[:MAX_TEXTS])


def _shown_header(text: str, n: int, minimum: float) -> str:
    section, _, row = text.partition(": ")
    words = row.split(BETWEEN)
    known = [label_key(word) in HEADER_KEYS for word in words]
    if n >= (MIN_PAGES if sum(known) >= MIN_KNOWN_HEADERS else minimum):
        return text
    masked = [word if is_known else RARE for word, is_known in zip(words, known, strict=True)]
    return f"{section}: {BETWEEN.join(masked)}"


def _shown_place(place: str, n: int) -> str:
    section, _, name = place.partition(": column ")
    is_rare = name and not name.isdigit() and n < MIN_PAGES
    return f"{section}: column {RARE}" if is_rare else place


def _shown_values(name: str, counts: Mapping[str, int]) -> dict[str, int]:
    known = KNOWN_VALUES.get(name, frozenset())
    return _sum_counts(
        {text if text in known or n >= MIN_PAGES or len(text) <= MAX_CODE_LENGTH else RARE: n}
        for text, n in counts.items()
    )
