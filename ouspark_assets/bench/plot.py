"""The SVG chart of the figures: one bar each, on a logarithmic scale around 1.

All colours have medium brightness, so that the chart is legible on light and dark backgrounds.
"""

import math
from collections.abc import Sequence
from html import escape

from ouspark_assets.bench.figures import Figure, Outcome, Subject, format_number

TEXT_COLOUR, BAR_COLOUR, BUDGET_COLOUR = "#7a7a7a", "#4a86d0", "#c77a2e"
WIDTH, CENTRE, ROW_HEIGHT, TOP, MAX_BAR = 900, 470, 22, 44, 180
# A ratio of this, or of one divided by this, has a bar of full length.
FULL_LENGTH_RATIO = 100.0


def ratios_as_svg(outcomes: Sequence[Outcome]) -> str:
    """Return a chart that shows how many times better than its reference every figure is."""
    bars = [
        (f"{outcome.title}: {figure.what}", figure, figure.advantage)
        for outcome in outcomes
        for figure in outcome.figures
        if figure.advantage is not None
    ]
    drawn = [_draw_bar(TOP + row * ROW_HEIGHT, *bar) for row, bar in enumerate(bars)]
    height = TOP + len(bars) * ROW_HEIGHT + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{TEXT_COLOUR}">'
        f'<text x="10" y="20" font-size="14" font-weight="bold">Times as good as the reference '
        f"in the same run (logarithmic; the mark is the budget)</text>"
        f'<path d="M{CENTRE} {TOP - 6}V{height - 10}" stroke="{TEXT_COLOUR}"/>'
        f"{''.join(drawn)}</svg>\n"
    )


def _draw_bar(y: int, label: str, figure: Figure, times: float) -> str:
    length = _bar_length(times)
    return (
        f'<text x="10" y="{y + 13}">{escape(label)}</text>'
        f'<rect x="{CENTRE + min(length, 0):.1f}" y="{y + 3}" width="{abs(length):.1f}" '
        f'height="{ROW_HEIGHT - 8}" fill="{BAR_COLOUR}"/>{_draw_budget(figure, y)}'
        f'<text x="{CENTRE + MAX_BAR + 12}" y="{y + 13}">{format_number(times)} × '
        f"{escape(figure.against or '')}</text>"
    )


def _draw_budget(figure: Figure, y: int) -> str:
    if figure.budget is None or figure.budget.subject is not Subject.RATIO:
        return ""
    x = CENTRE + _bar_length(figure.budget.limit)
    return (
        f'<path d="M{x:.1f} {y + 1}v{ROW_HEIGHT - 4}" stroke="{BUDGET_COLOUR}" stroke-width="2"/>'
    )


def _bar_length(times: float) -> float:
    size = math.log(times) / math.log(FULL_LENGTH_RATIO)
    return MAX_BAR * max(-1.0, min(1.0, size))
