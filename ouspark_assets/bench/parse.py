"""Benchmark of parsing: pages to clean rows. The reference is BeautifulSoup on the same pages.

One core means one thread, measured in CPU time; two cores means the pipeline's two workers,
measured in wall time.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from ouspark_assets.bench.benchmark import Bench, Contender, measure_in_turns, measure_seconds
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome, Subject
from ouspark_assets.bench.references import BenchError, Interpreter, run_json
from ouspark_assets.bench.scrape import archive_pages, read_results_page
from ouspark_assets.pages.parallel import clean_in_parallel
from ouspark_assets.standin.process import running_standin

READING, CLEANING, TWO = "reading, one core", "reading and cleaning, one core", "two cores"
SOUPS = {
    "BeautifulSoup, html.parser": ("bs4", "html.parser"),
    "BeautifulSoup, lxml": ("bs4", "lxml"),
}
BUDGET = Budget(Bound.AT_LEAST, 1_500, Subject.VALUE)
WORKERS = 2
LENGTH_BYTES = 8


def measure(bench: Bench) -> Outcome:
    """Return pages per second of OuSpark and of BeautifulSoup."""
    scale, home = bench.scale, bench.environment.home
    bench.progress.step("fetching the pages")
    with running_standin(students=scale.site_students, releases=1) as site:
        page = read_results_page(site, bench.environment.create_folder("truth"), scale.pages)
        archive = archive_pages(bench.environment.settings.site, page, home / "lake")
    pages = pl.concat(archive.pages(page.release))
    stored = home / "pages.parquet"
    pages.write_parquet(stored)
    few = pages["body"].head(scale.pages_of_the_slowest)
    contenders = [
        Contender(READING, partial(_parse_on_one_core, stored, "read")),
        Contender(CLEANING, partial(_parse_on_one_core, stored, "clean")),
        Contender(TWO, partial(_parse_on_two_cores, pages)),
        *_soups(bench.python, few, home / "pages.bin"),
    ]
    taken = measure_in_turns(contenders, scale.rounds, "pages/s", bench.progress)
    figures = [
        Figure("reading alone, one core", taken[READING]),
        Figure(CLEANING, taken[CLEANING], budget=BUDGET),
        Figure(
            "the same on two cores", taken[TWO], "one core", taken[CLEANING], own_reference=True
        ),
    ]
    figures += [
        Figure(CLEANING, taken[CLEANING], name, taken[name]) for name in SOUPS if name in taken
    ]
    notes = [f"{name} is not installed: left out" for name in SOUPS if name not in taken]
    notes.append(f"{pages.height} pages per sample, {len(few)} for BeautifulSoup")
    return Outcome("parse", "Parsing", tuple(figures), tuple(notes))


def _parse_on_one_core(stored: Path, mode: str) -> float:
    command = [sys.executable, "-m", "ouspark_assets.bench.scripts.parse_pages", stored, mode]
    result = run_json(command, environment={**os.environ, "POLARS_MAX_THREADS": "1"})
    return float(result["pages"] / result["seconds"])


def _parse_on_two_cores(pages: pl.DataFrame) -> float:
    def work() -> None:
        batches = clean_in_parallel("bench", [pages], workers=WORKERS)
        if not sum(batch.marks.height for batch in batches):
            message = "The parser found no marks on the pages of the stand-in"
            raise BenchError(message)

    return pages.height / measure_seconds(work)


def _soups(python: Interpreter, bodies: pl.Series, file: Path) -> list[Contender]:
    with file.open("wb") as output:
        for body in bodies:
            output.write(len(body).to_bytes(LENGTH_BYTES, "big"))
            output.write(body)
    return [
        Contender(name, _soup(python, file, parser, len(bodies)))
        for name, (module, parser) in SOUPS.items()
        if python.has(module) and python.has("lxml" if parser == "lxml" else module)
    ]


def _soup(python: Interpreter, file: Path, parser: str, count: int) -> Callable[[], float]:
    def sample() -> float:
        result = python.run("soup_parse", file, parser, count)
        if not result["marks"]:
            message = f"BeautifulSoup with {parser} found no marks on the pages: it parsed nothing"
            raise BenchError(message)
        return float(result["pages"] / result["seconds"])

    return sample
