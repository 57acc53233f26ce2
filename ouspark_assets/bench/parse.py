"""Parsing: pages to clean rows, beside BeautifulSoup taking the same texts from the same pages.

Per core is one thread by the time of its processor; on two cores it is the pipeline's own two
workers by the clock.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from ouspark_assets.bench.benchmark import Bench
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome, Samples, Subject
from ouspark_assets.bench.references import BenchError, Interpreter, completed
from ouspark_assets.bench.rounds import Contender, seconds, take_turns
from ouspark_assets.bench.scrape import archived, page_of
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
    """Pages a second of each."""
    scale = bench.scale
    pages = _pages(bench)
    stored = bench.room.home / "pages.parquet"
    pages.write_parquet(stored)
    contenders = [
        Contender(READING, partial(_in_a_process, stored, "read")),
        Contender(CLEANING, partial(_in_a_process, stored, "clean")),
        Contender(TWO, partial(_on_two_cores, pages)),
        *_soups(bench.python, pages, bench.room.home / "pages.bin", scale.pages_of_the_slowest),
    ]
    taken = take_turns(contenders, scale.rounds, "pages/s", bench.watch)
    figures = [
        Figure("reading alone, one core", taken[READING]),
        Figure(CLEANING, taken[CLEANING], budget=BUDGET),
        Figure(
            "the same on two cores", taken[TWO], "one core", taken[CLEANING], own_reference=True
        ),
        *_beside_soups(taken),
    ]
    missing = [name for name in SOUPS if name not in taken]
    notes = [f"{name} is not installed: left out" for name in missing]
    few = min(pages.height, scale.pages_of_the_slowest)
    notes.append(f"{pages.height} pages per sample, {few} for BeautifulSoup")
    return Outcome("parse", "Parsing", tuple(figures), tuple(notes))


def _beside_soups(taken: dict[str, Samples]) -> list[Figure]:
    return [Figure(CLEANING, taken[CLEANING], name, taken[name]) for name in SOUPS if name in taken]


def _pages(bench: Bench) -> pl.DataFrame:
    """Pages of the stand-in as the scraper archives them."""
    bench.watch.step("fetching the pages")
    with running_standin(students=bench.scale.site_students, releases=1) as site:
        page = page_of(site, bench.room.folder("truth"), bench.scale.pages)
        archive = archived(bench.room.settings.site, page, bench.room.home / "lake")
    return pl.concat(archive.pages(page.release))


def _in_a_process(stored: Path, what: str) -> float:
    command = [sys.executable, "-m", "ouspark_assets.bench.scripts.parse_pages", str(stored), what]
    said = json.loads(completed(command, environment={**os.environ, "POLARS_MAX_THREADS": "1"}))
    return float(said["pages"] / said["seconds"])


def _on_two_cores(pages: pl.DataFrame) -> float:
    def work() -> None:
        found = sum(
            batch.marks.height for batch in clean_in_parallel("bench", [pages], workers=WORKERS)
        )
        if not found:
            message = "The parser found no marks on the pages of the stand-in"
            raise BenchError(message)

    return pages.height / seconds(work)


def _soups(python: Interpreter, pages: pl.DataFrame, file: Path, most: int) -> list[Contender]:
    with file.open("wb") as output:
        for body in pages["body"].head(most):
            output.write(len(body).to_bytes(LENGTH_BYTES, "big"))
            output.write(body)
    return [
        Contender(name, _soup(python, file, parser, most))
        for name, (module, parser) in SOUPS.items()
        if python.has(module) and python.has("lxml" if parser == "lxml" else module)
    ]


def _soup(python: Interpreter, file: Path, parser: str, most: int) -> Callable[[], float]:
    def sample() -> float:
        said = python.run("soup_parse", file, parser, most)
        if not said["marks"]:
            message = f"BeautifulSoup with {parser} found no marks: its figure would mean nothing"
            raise BenchError(message)
        return float(said["pages"] / said["seconds"])

    return sample
