"""Whether pages look as they used to: two layouts compared, the differences in words.

Pure comparison; what follows from a difference is decided by whoever asks.
"""

from collections.abc import Iterator, Mapping

from ouspark_assets.pages.layout import HIDDEN, Layout
from ouspark_assets.pages.vocabulary import REQUIRED_LABELS, label_key

# A word is gone when this share of the earlier pages had it and none has it now.
USUAL = 0.5
# Single damaged pages lack a label without the university having changed anything.
MISSING_FROM, LEAST_MISSING = 0.1, 3


def differences(before: Layout, now: Layout) -> list[str]:
    """What the pages now show that those before did not, and what they show no longer."""
    now = now.shown()
    if not before.pages or not now.pages:
        return []
    return [
        *_appeared("label", before.labels, now.labels, now.pages),
        *_vanished("label", before.labels, now.labels, before.pages),
        *_appeared("unknown label", before.strange_labels, now.strange_labels, now.pages),
        *_appeared("header row", before.headers, now.headers, now.pages),
        *_vanished("header row", before.headers, now.headers, before.pages),
        *_new_values(before, now),
        *_appeared("unread", before.unread, now.unread, now.pages),
    ]


def unread(now: Layout) -> list[str]:
    """The places whose cells no field took, with how often."""
    shown = now.shown()
    return [
        *(f"{place}: nothing reads it ({n} pages)" for place, n in shown.unread.items()),
        *(f"label '{label}' is unknown ({n} pages)" for label, n in shown.strange_labels.items()),
    ]


def missing_required(now: Layout) -> list[str]:
    """The labels that every page must have and too many lack, with how many lack it."""
    printed = dict.fromkeys(REQUIRED_LABELS.values(), 0)
    for label, n in now.labels.items():
        if label_key(label) in printed:
            printed[label_key(label)] += n
    least = min(now.pages, max(LEAST_MISSING, MISSING_FROM * now.pages))
    return [
        f"label '{label}' is missing from {missing} of {now.pages} pages"
        for label, key in REQUIRED_LABELS.items()
        if (missing := now.pages - printed[key]) and missing >= least
    ]


def _appeared(
    what: str, before: Mapping[str, int], now: Mapping[str, int], pages: int
) -> Iterator[str]:
    for text, n in now.items():
        if text not in before and text != HIDDEN:
            yield f"new {what} '{text}' ({n} in {pages} pages)"


def _vanished(
    what: str, before: Mapping[str, int], now: Mapping[str, int], pages: int
) -> Iterator[str]:
    for text, n in before.items():
        if n >= USUAL * pages and text not in now:
            yield f"{what} '{text}' is gone ({n} in {pages} pages before)"


def _new_values(before: Layout, now: Layout) -> Iterator[str]:
    for name, values in now.values.items():
        yield from _appeared(name, before.values.get(name, {}), values, now.pages)
