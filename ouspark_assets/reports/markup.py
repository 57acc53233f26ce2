"""HTML for print: a document of sections, tables of frames, plots as they are.

Every text of a frame is escaped; nothing refers to anything outside the page.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

import polars as pl

STYLE = """
@page { size: A4; margin: 15mm; }
body { font: 11pt/1.4 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 60em;
       margin: 2em auto; padding: 0 1em; }
h1 { font-size: 16pt; margin: 0; } h2 { font-size: 12pt; margin: 1.6em 0 .4em; }
p.about { color: #555; margin: .2em 0 1em; }
table { border-collapse: collapse; font-size: 9pt; } thead { display: table-header-group; }
th, td { border-bottom: 1px solid #ccc; padding: .2em .6em; text-align: left; }
th { border-bottom: 2px solid #1f4e78; vertical-align: bottom; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr, figure { break-inside: avoid; } h2 { break-after: avoid; }
figure { margin: 0; } svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
"""


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, as HTML."""

    heading: str
    body: str


def document(title: str, about: str, sections: Iterable[Section]) -> str:
    """A whole page."""
    parts = "".join(
        f"<section><h2>{escape(section.heading)}</h2>{section.body}</section>\n"
        for section in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>"
        f'<h1>{escape(title)}</h1><p class="about">{escape(about)}</p>\n{parts}</body></html>\n'
    )


def table(frame: pl.DataFrame, headings: Mapping[str, str]) -> str:
    """Some columns of a frame under their headings."""
    if frame.is_empty():
        return "<p>None.</p>"
    shown = frame.select(list(headings))
    marks = [' class="number"' if dtype.is_numeric() else "" for dtype in shown.schema.dtypes()]
    head = "".join(
        f"<th{mark}>{escape(text)}</th>"
        for mark, text in zip(marks, headings.values(), strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{_cell(it)}</td>" for mark, it in zip(marks, row, strict=True))
        + "</tr>\n"
        for row in shown.iter_rows()
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>"


def figure(svg: str) -> str:
    """A plot."""
    return f"<figure>{svg}</figure>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return escape(f"{value:.2f}" if isinstance(value, float) else str(value))
