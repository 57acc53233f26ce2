"""Small plots as SVG text, for asset metadata: frames of aggregates in, pictures out.

No rows of students; legible on light and dark ground, for which every colour is of middle
brightness (contrast with white and with black about 4); a few kB each.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import polars as pl

INK, BAR = "#7a7a7a", "#4a86d0"
WIDTH, LABEL_WIDTH, ROW, TOP = 640, 150, 20, 34
COLUMN_AREA = 180
MOST_BARS = 40
PERCENT = 100


@dataclass(frozen=True)
class Bar:
    """One bar: what it is of, how long, and what stands at its end."""

    label: str
    value: float
    text: str


def as_markdown(svg: str) -> str:
    """An SVG as an image inside markdown."""
    encoded = base64.b64encode(svg.encode()).decode()
    return f"![plot](data:image/svg+xml;base64,{encoded})"


def distribution_of_cgpas(student_cgpas: pl.DataFrame) -> str:
    """How many students have which CGPA, in bands of half a point."""
    counts = (
        student_cgpas.drop_nulls("cgpa")
        .group_by(((pl.col("cgpa") * 2).floor() / 2).alias("band"))
        .len()
        .sort("band")
    )
    bars = [Bar(f"{band:.1f}", count, str(count)) for band, count in counts.iter_rows()]
    n = student_cgpas["cgpa"].count()
    return columns(f"CGPA of {n} students, in bands of 0.5", bars)


def pass_percent_of_subjects(subject_stats: pl.DataFrame) -> str:
    """The subjects with the lowest pass percentage over all releases."""
    rows = (
        subject_stats.group_by("subject_code")
        .agg(pl.col("passed", "appeared").sum())
        .filter(pl.col("appeared") > 0)
        .with_columns((PERCENT * pl.col("passed") / pl.col("appeared")).alias("percent"))
        .sort("percent", "subject_code")
        .head(MOST_BARS)
    )
    bars = [
        Bar(code, percent, f"{percent:.1f} % of {appeared}")
        for code, _, appeared, percent in rows.iter_rows()
    ]
    return rows_of_bars(f"Pass percentage, the {len(bars)} lowest subjects", bars, PERCENT)


def pass_percent_of_colleges(college_stats: pl.DataFrame) -> str:
    """Share of students with nothing open or pending, per college over all years."""
    return _all_clear(college_stats, ["college_code"], "colleges")


def comparison_of_departments(department_stats: pl.DataFrame) -> str:
    """Share of students with nothing open or pending, per department over all years."""
    return _all_clear(department_stats, ["college_code", "branch_code"], "departments")


def gender_ratio(demographics: pl.DataFrame) -> str:
    """Students of each gender per admission year."""
    rows = demographics.filter(
        (pl.col("dimension") == "gender")
        & pl.col("college_code").is_null()
        & pl.col("branch_code").is_null()
        & pl.col("admission_year").is_not_null()
    ).sort("admission_year", "value")
    whole = rows.group_by("admission_year").agg(pl.col("students").sum().alias("whole"))
    shares = rows.join(whole, on="admission_year", maintain_order="left").head(MOST_BARS)
    bars = [
        Bar(f"{year} {value.lower()}", PERCENT * students / all_of_them, str(students))
        for year, value, students, all_of_them in shares.select(
            "admission_year", "value", "students", "whole"
        ).iter_rows()
    ]
    return rows_of_bars("Students by gender and admission year, in percent", bars, PERCENT)


def rows_of_bars(title: str, bars: Sequence[Bar], most: float) -> str:
    """Horizontal bars, the first on top."""
    scale = (WIDTH - LABEL_WIDTH - 120) / most
    drawn = []
    for number, bar in enumerate(bars):
        y, length = TOP + number * ROW, bar.value * scale
        drawn.append(
            f"{_text(LABEL_WIDTH - 8, y + 13, bar.label, anchor='end')}"
            f'<rect x="{LABEL_WIDTH}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" '
            f'fill="{BAR}"/>{_text(LABEL_WIDTH + length + 6, y + 13, bar.text)}'
        )
    return _picture(title, drawn, TOP + len(bars) * ROW + 8)


def columns(title: str, bars: Sequence[Bar]) -> str:
    """Upright columns, the first on the left."""
    most = max((bar.value for bar in bars), default=1) or 1
    step = (WIDTH - 20) / max(len(bars), 1)
    ground = TOP + COLUMN_AREA
    drawn = []
    for number, bar in enumerate(bars):
        x, height = 10 + number * step, bar.value / most * (COLUMN_AREA - 20)
        middle = x + step / 2
        drawn.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{ground - height:.1f}" '
            f'width="{step * 0.8:.1f}" height="{height:.1f}" fill="{BAR}"/>'
            f"{_text(middle, ground - height - 4, bar.text, anchor='middle')}"
            f"{_text(middle, ground + 15, bar.label, anchor='middle')}"
        )
    return _picture(title, drawn, ground + 24)


def _all_clear(stats: pl.DataFrame, by: list[str], what: str) -> str:
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
        for label, decided, percent in rows.head(MOST_BARS).iter_rows()
    ]
    which = f"{rows.height} {what}"
    if rows.height > MOST_BARS:
        which = f"the {MOST_BARS} best of {which}"
    return rows_of_bars(f"Students all clear, {which}", bars, PERCENT)


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _picture(title: str, drawn: Sequence[str], height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
        f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
        f"{''.join(drawn)}</svg>"
    )
