"""The ratios as a picture for the README: a bar per figure, on a logarithmic scale around 1.

Legible on light and dark ground: every colour is of middle brightness.
"""

import math
from collections.abc import Sequence
from html import escape

from ouspark_assets.bench.figures import Figure, Outcome, Samples, number

INK, OURS, LIMIT = "#7a7a7a", "#4a86d0", "#c77a2e"
WIDTH, MIDDLE, ROW, TOP, ROOM = 860, 560, 22, 44, 150
# A ratio as large as this, or as small as one by it, has a bar of full length.
FULL_LENGTH_AT = 100.0


def ratios_as_svg(outcomes: Sequence[Outcome]) -> str:
    """Every figure that has a reference: how many times the reference it is."""
    figures = [(figure, ratio) for outcome in outcomes for figure, ratio in _compared(outcome)]
    drawn = [_bar(number, *pair) for number, pair in enumerate(figures)]
    height = TOP + len(figures) * ROW + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
        f'<text x="10" y="20" font-size="14" font-weight="bold">Ours, as a multiple of the '
        f"reference in the same run (logarithmic; orange: the budget)</text>"
        f'<path d="M{MIDDLE} {TOP - 6}V{height - 10}" stroke="{INK}"/>{"".join(drawn)}</svg>\n'
    )


def _compared(outcome: Outcome) -> list[tuple[Figure, Samples]]:
    return [(figure, figure.ratio) for figure in outcome.figures if figure.ratio is not None]


def _bar(at: int, figure: Figure, ratio: Samples) -> str:
    y, length = TOP + at * ROW, _length(ratio.median)
    label = escape(f"{figure.what}, of {figure.against}")
    left = MIDDLE + min(length, 0)
    budget = "" if figure.budget is None else _mark(figure, y)
    return (
        f'<text x="10" y="{y + 13}">{label}</text>'
        f'<rect x="{left:.1f}" y="{y + 3}" width="{abs(length):.1f}" height="{ROW - 8}" '
        f'fill="{OURS}"/>{budget}'
        f'<text x="{WIDTH - 10}" y="{y + 13}" text-anchor="end">× {number(ratio.median)}</text>'
    )


def _mark(figure: Figure, y: int) -> str:
    if figure.budget is None or figure.budget.subject != "ratio":
        return ""
    x = MIDDLE + _length(figure.budget.limit)
    return f'<path d="M{x:.1f} {y + 1}v{ROW - 4}" stroke="{LIMIT}" stroke-width="2"/>'


def _length(ratio: float) -> float:
    size = math.log(max(ratio, 1 / FULL_LENGTH_AT)) / math.log(FULL_LENGTH_AT)
    return ROOM * max(-1.0, min(1.0, size))
