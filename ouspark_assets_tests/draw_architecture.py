"""Draws docs/architecture.svg from the imports in the source: `make architecture`.

Packages by level, and an arrow for every import that is not implied by others. A test fails when
the committed picture differs from what the source says.
"""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

from ouspark_assets_tests.support.structure import LEVELS, package_imports

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "architecture.svg"
# The stations of one hall ticket, numbered as in ARCHITECTURE.md.
JOURNEY = {
    "sources": "1 · 2",
    "pages": "3",
    "warehouse": "4 · 6",
    "analytics": "5",
    "cache": "7",
}
SHORT = {
    "cli": "the ouspark command",
    "definitions": "what Dagster loads",
    "bench": "measurements and references",
    "orchestration": "assets, checks, automation",
    "operations": "status, explain, alerts, metrics",
    "pipeline": "the use cases",
    "cache": "Redis: generations",
    "pages": "HTML in, records out",
    "reports": "workbooks, pages, plots",
    "services": "embedded servers",
    "sources": "results site, lake, files",
    "analytics": "frames in, frames out",
    "settings": "environment variables",
    "standin": "simulated results site",
    "warehouse": "PostgreSQL",
    "schemas": "one Pandera model per table",
    "domain": "terms and rules",
}
WIDTH, BOX_WIDTH, BOX_HEIGHT, ROW_HEIGHT, MARGIN = 1180, 206, 58, 118, 20
Point = tuple[float, float]


def draw() -> str:
    """Return the picture as SVG text."""
    centres = _centres()
    height = MARGIN * 2 + ROW_HEIGHT * (len(LEVELS) - 1) + BOX_HEIGHT
    arrows = [
        _arrow(centres[package], centres[imported])
        for package, imports in sorted(direct_imports().items())
        for imported in sorted(imports)
    ]
    boxes = [_box(package, *centre) for package, centre in centres.items()]
    return "\n".join([_header(height), *arrows, *boxes, "</svg>", ""])


def direct_imports() -> dict[str, set[str]]:
    """Return the imports between packages that no longer path of imports implies."""
    imports = package_imports()

    def reachable(package: str) -> set[str]:
        below = imports[package]
        return below.union(*(reachable(other) for other in below))

    return {
        package: {
            imported
            for imported in imported_packages
            if not any(imported in reachable(other) for other in imported_packages - {imported})
        }
        for package, imported_packages in imports.items()
    }


def _centres() -> dict[str, Point]:
    centres = {}
    for row, packages in enumerate(LEVELS):
        for place, package in enumerate(packages):
            x = WIDTH * (place + 1) / (len(packages) + 1)
            if len(packages) == max(map(len, LEVELS)):
                x = (
                    MARGIN
                    + BOX_WIDTH / 2
                    + place * (WIDTH - 2 * MARGIN - BOX_WIDTH) / (len(packages) - 1)
                )
            centres[package] = (x, MARGIN + row * ROW_HEIGHT + BOX_HEIGHT / 2)
    return centres


def _arrow(start: Point, end: Point) -> str:
    x1, y1 = start[0], start[1] + BOX_HEIGHT / 2
    x2, y2 = end[0], end[1] - BOX_HEIGHT / 2 - 3
    bend = max((y2 - y1) / 2, 20)
    return (
        f'<path class="arrow" d="M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} '
        f'{x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}" marker-end="url(#head)"/>'
    )


def _box(package: str, x: float, y: float) -> str:
    station = JOURNEY.get(package)
    number = (
        f'<text class="station" x="{x + BOX_WIDTH / 2 - 8:.0f}" y="{y - 12:.0f}">{station}</text>'
        if station
        else ""
    )
    return (
        f'<g class="{"journey" if station else "box"}">'
        f'<rect x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" width="{BOX_WIDTH}" '
        f'height="{BOX_HEIGHT}" rx="8"/>'
        f'<text class="name" x="{x:.0f}" y="{y - 4:.0f}">{package}</text>'
        f'<text class="what" x="{x:.0f}" y="{y + 16:.0f}">{escape(SHORT[package])}</text>'
        f"{number}</g>"
    )


def _header(height: int) -> str:
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"
  aria-label="The packages of OuSpark by level; arrows are imports and point downwards">
<style>
  svg {{ background: #ffffff; font-family: system-ui, sans-serif; text-anchor: middle; }}
  rect {{ fill: #f6f8fa; stroke: #57606a; }}
  .journey rect {{ fill: #e6f2ec; stroke: #1a7f5a; stroke-width: 2; }}
  .arrow {{ fill: none; stroke: #8c959f; stroke-width: 1.4; }}
  .name {{ font-size: 17px; font-weight: 600; fill: #1f2328; }}
  .what {{ font-size: 12.5px; fill: #57606a; }}
  .station {{ font-size: 13px; font-weight: 700; fill: #1a7f5a; text-anchor: end; }}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
  orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#8c959f"/></marker></defs>"""


def main() -> None:
    """Write the picture, or print it with `-`."""
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(draw())
    else:
        PICTURE.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
