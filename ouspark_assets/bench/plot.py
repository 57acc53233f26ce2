"""The figures as a picture for the README: a bar each, on a logarithmic scale around 1.

Legible on light and dark ground: every colour is of middle brightness.
"""

import math
from collections.abc import Sequence
from html import escape

from ouspark_assets.bench.figures import Figure, Outcome, Subject, number

INK, OURS, LIMIT = "#7a7a7a", "#4a86d0", "#c77a2e"
WIDTH, MIDDLE, ROW, TOP, ROOM = 900, 470, 22, 44, 180
# A ratio as large as this, or as small as one by it, has a bar of full length.
FULL_LENGTH_AT = 100.0


def ratios_as_svg(outcomes: Sequence[Outcome]) -> str:
    """Every figure beside what people would use instead: how many times better it is."""
    bars = [
        (f"{outcome.title}: {figure.what}", figure, figure.advantage)
        for outcome in outcomes
        for figure in outcome.figures
        if figure.advantage is not None
    ]
    drawn = [_bar(TOP + at * ROW, *bar) for at, bar in enumerate(bars)]
    height = TOP + len(bars) * ROW + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
        f'<text x="10" y="20" font-size="14" font-weight="bold">Times as good as the reference '
        f"in the same run (logarithmic; the mark is the budget)</text>"
        f'<path d="M{MIDDLE} {TOP - 6}V{height - 10}" stroke="{INK}"/>{"".join(drawn)}</svg>\n'
    )


def _bar(y: int, label: str, figure: Figure, times: float) -> str:
    length = _length(times)
    return (
        f'<text x="10" y="{y + 13}">{escape(label)}</text>'
        f'<rect x="{MIDDLE + min(length, 0):.1f}" y="{y + 3}" width="{abs(length):.1f}" '
        f'height="{ROW - 8}" fill="{OURS}"/>{_mark(figure, y)}'
        f'<text x="{MIDDLE + ROOM + 12}" y="{y + 13}">{number(times)} × '
        f"{escape(figure.against or '')}</text>"
    )


def _mark(figure: Figure, y: int) -> str:
    if figure.budget is None or figure.budget.subject is not Subject.RATIO:
        return ""
    x = MIDDLE + _length(figure.budget.limit)
    return f'<path d="M{x:.1f} {y + 1}v{ROW - 4}" stroke="{LIMIT}" stroke-width="2"/>'


def _length(times: float) -> float:
    size = math.log(times) / math.log(FULL_LENGTH_AT)
    return ROOM * max(-1.0, min(1.0, size))
