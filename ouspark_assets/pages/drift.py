"""Layout drift: the differences between two layouts, as messages.

Pure comparison. The asset checks decide what follows from a difference.
"""

from ouspark_assets.pages.page_layout import RARE, Layout
from ouspark_assets.pages.vocabulary import REQUIRED_LABELS, label_key

# A label or header counts as gone if this share of the earlier pages had it and none has it now.
MIN_EARLIER_SHARE = 0.5
# A label counts as missing from this share of the pages, and from at least this many: single
# damaged pages lack a label without the university having changed anything.
MIN_MISSING_SHARE, MIN_MISSING_PAGES = 0.1, 3


def compare_layouts(before: Layout, now: Layout) -> list[str]:
    """Return what is new on the pages, and what is gone from them, one message each."""
    now = now.shown()
    if not before.pages or not now.pages:
        return []
    # What is compared, its counts before and now, and whether its absence is reported.
    compared = [
        ("label", before.labels, now.labels, True),
        ("unknown label", before.strange_labels, now.strange_labels, False),
        ("header row", before.headers, now.headers, True),
        *((name, before.values.get(name, {}), now.values[name], False) for name in now.values),
        ("unread cell", before.unread, now.unread, False),
    ]
    messages = []
    for what, earlier, current, may_vanish in compared:
        messages += [
            f"new {what} '{text}' ({n} in {now.pages} pages)"
            for text, n in current.items()
            if text not in earlier and text != RARE
        ]
        messages += [
            f"{what} '{text}' is gone (was on {n} of {before.pages} pages)"
            for text, n in earlier.items()
            if may_vanish and n >= MIN_EARLIER_SHARE * before.pages and text not in current
        ]
    return messages


def list_unread(now: Layout) -> list[str]:
    """Return the places whose cells no field reads, with the number of pages."""
    shown = now.shown()
    return [
        *(f"{place}: not read into any field ({n} pages)" for place, n in shown.unread.items()),
        *(f"label '{label}' is unknown ({n} pages)" for label, n in shown.strange_labels.items()),
    ]


def find_missing_labels(now: Layout) -> list[str]:
    """Return the required labels that too many pages lack, with the number of these pages."""
    printed = dict.fromkeys(REQUIRED_LABELS.values(), 0)
    for label, n in now.labels.items():
        if label_key(label) in printed:
            printed[label_key(label)] += n
    threshold = min(now.pages, max(MIN_MISSING_PAGES, MIN_MISSING_SHARE * now.pages))
    return [
        f"label '{label}' is missing from {missing} of {now.pages} pages"
        for label, key in REQUIRED_LABELS.items()
        if (missing := now.pages - printed[key]) and missing >= threshold
    ]
