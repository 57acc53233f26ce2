"""Small SVG plots for asset metadata and department pages: frames of aggregates in, text out.

A plot has no rows of students and takes a few kB. It is legible on light and dark backgrounds, as
every colour has medium brightness (a contrast of about 4 with both white and black).
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import polars as pl

INK, BAR = "#7a7a7a", "#4a86d0"
WIDTH, LABEL_WIDTH, ROW, TOP = 640, 150, 20, 34
COLUMN_AREA = 180
MAX_BARS = 40
PERCENT = 100


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its length, and the text at its end."""

    label: str
    value: float
    text: str


def as_markdown(svg: str) -> str:
    """Return an SVG as an image in markdown."""
    encoded = base64.b64encode(svg.encode()).decode()
    return f"![plot](data:image/svg+xml;base64,{encoded})"


def distribution_of_cgpas(student_cgpas: pl.DataFrame) -> str:
    """Return a plot of the number of students per half point of CGPA."""
    counts = (
        student_cgpas.drop_nulls("cgpa")
        .group_by(((pl.col("cgpa") * 2).floor() / 2).alias("band"))
        .len()
        .sort("band")
    )
    bars = [Bar(f"{band:.1f}", count, str(count)) for band, count in counts.iter_rows()]
    n = student_cgpas["cgpa"].count()
    return vertical_bars(f"CGPA of {n} students, in bands of 0.5", bars)


def pass_percent_of_subjects(subject_stats: pl.DataFrame) -> str:
    """Return a plot of the subjects with the lowest pass percentages over all releases."""
    rows = (
        subject_stats.group_by("subject_code")
        .agg(pl.col("passed", "appeared").sum())
        .filter(pl.col("appeared") > 0)
        .with_columns((PERCENT * pl.col("passed") / pl.col("appeared")).alias("percent"))
        .sort("percent", "subject_code")
    )
    bars = [
        Bar(code, percent, f"{percent:.1f} % of {appeared}")
        for code, _, appeared, percent in rows.head(MAX_BARS).iter_rows()
    ]
    shown = f"{rows.height} subjects"
    if rows.height > MAX_BARS:
        shown = f"the {MAX_BARS} lowest of {shown}"
    return horizontal_bars(f"Pass percentage, {shown}", bars, PERCENT)


def pass_percent_of_colleges(college_stats: pl.DataFrame) -> str:
    """Return a plot of the share of students with nothing open or pending, by college."""
    return _all_clear(college_stats, ["college_code"], "colleges")


def comparison_of_departments(department_stats: pl.DataFrame) -> str:
    """Return a plot of the share of students with nothing open or pending, by department."""
    return _all_clear(department_stats, ["college_code", "branch_code"], "departments")


def gender_ratio(demographics: pl.DataFrame) -> str:
    """Return a plot of the share of each gender, by admission year."""
    rows = demographics.filter(
        (pl.col("dimension") == "gender")
        & pl.col("college_code").is_null()
        & pl.col("branch_code").is_null()
        & pl.col("admission_year").is_not_null()
    ).sort("admission_year", "value")
    totals = rows.group_by("admission_year").agg(pl.col("students").sum().alias("total"))
    shares = rows.join(totals, on="admission_year", maintain_order="left").head(MAX_BARS)
    bars = [
        Bar(
            f"{year} {value.lower()}",
            PERCENT * students / total,
            f"{PERCENT * students / total:.1f} % of {total}",
        )
        for year, value, students, total in shares.select(
            "admission_year", "value", "students", "total"
        ).iter_rows()
    ]
    return horizontal_bars("Students by gender and admission year, in percent", bars, PERCENT)


def horizontal_bars(title: str, bars: Sequence[Bar], full_scale: float) -> str:
    """Return a plot of horizontal bars, the first one on top."""
    scale = (WIDTH - LABEL_WIDTH - 120) / full_scale
    shapes = []
    for number, bar in enumerate(bars):
        y, length = TOP + number * ROW, bar.value * scale
        shapes.append(
            f"{_text(LABEL_WIDTH - 8, y + 13, bar.label, anchor='end')}"
            f'<rect x="{LABEL_WIDTH}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" '
            f'fill="{BAR}"/>{_text(LABEL_WIDTH + length + 6, y + 13, bar.text)}'
        )
    return _svg(title, shapes, TOP + len(bars) * ROW + 8)


def vertical_bars(title: str, bars: Sequence[Bar]) -> str:
    """Return a plot of vertical bars, the first one on the left."""
    highest = max((bar.value for bar in bars), default=1) or 1
    step = (WIDTH - 20) / max(len(bars), 1)
    base = TOP + COLUMN_AREA
    shapes = []
    for number, bar in enumerate(bars):
        x, height = 10 + number * step, bar.value / highest * (COLUMN_AREA - 20)
        middle = x + step / 2
        shapes.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{base - height:.1f}" '
            f'width="{step * 0.8:.1f}" height="{height:.1f}" fill="{BAR}"/>'
            f"{_text(middle, base - height - 4, bar.text, anchor='middle')}"
            f"{_text(middle, base + 15, bar.label, anchor='middle')}"
        )
    return _svg(title, shapes, base + 24)


def _all_clear(stats: pl.DataFrame, by: list[str], noun: str) -> str:
    rows = (
        stats.group_by(by)
        .agg(pl.col("all_clear", "decided").sum())
        .filter(pl.col("decided") > 0)
        .with_columns((PERCENT * pl.col("all_clear") / pl.col("decided")).alias("percent"))
        .sort("percent", *by, descending=[True, *[False] * len(by)])
        .select(pl.concat_str(by, separator="-"), "decided", "percent")
    )
    bars = [
        Bar(label, percent, f"{percent:.1f} % of {decided}")
        for label, decided, percent in rows.head(MAX_BARS).iter_rows()
    ]
    shown = f"{rows.height} {noun}"
    if rows.height > MAX_BARS:
        shown = f"the {MAX_BARS} best of {shown}"
    return horizontal_bars(
        f"Share of students with nothing open or pending, {shown}", bars, PERCENT
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, shapes: Sequence[str], height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
        f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
        f"{''.join(shapes)}</svg>"
    )
