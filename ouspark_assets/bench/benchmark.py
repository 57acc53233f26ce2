"""The benchmarks by name, their sizes, and how their measurements alternate.

What each benchmark measures is in its own module; what is derived from the samples is in `figures`.
"""

import gc
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ouspark_assets.bench.bench_environment import BenchEnvironment, temporary_environment
from ouspark_assets.bench.figures import Outcome, Samples
from ouspark_assets.bench.references import Interpreter

# Command-line name to module, in the order in which they run.
BENCHMARKS = {
    "scrape": "scrape",
    "parse": "parse",
    "load": "load",
    "analytics": "analytics",
    "publish": "publish",
    "cache": "cache",
    "end-to-end": "end_to_end",
}


@dataclass(frozen=True)
class Scale:
    """Sizes of the benchmarks. The slowest references get fewer tickets, pages and rows."""

    rounds: int = 3
    site_students: int = 6_000
    tickets: int = 5_000
    tickets_of_the_slowest: int = 1_500
    pages: int = 4_000
    pages_of_the_slowest: int = 500
    marks: int = 1_000_000
    rows_of_the_slowest: int = 20_000
    students: int = 100_000
    published_students: int = 10_000
    keys: int = 100_000
    end_to_end_students: int = 10_000

    def with_students(self, students: int) -> "Scale":
        """Return this scale with at most this many students in every synthetic population."""
        return replace(
            self,
            students=students,
            published_students=min(self.published_students, students),
            end_to_end_students=min(self.end_to_end_students, students),
        )


# The sizes that the budgets refer to, and small ones for a smoke test.
FULL = Scale()
QUICK = Scale(
    rounds=1,
    site_students=150,
    tickets=100,
    tickets_of_the_slowest=40,
    pages=100,
    pages_of_the_slowest=20,
    marks=5_000,
    rows_of_the_slowest=200,
    students=500,
    published_students=120,
    keys=1_000,
    end_to_end_students=100,
)


class Progress(Protocol):
    """Shows how far the benchmarks are."""

    def step(self, text: str) -> None:
        """Show that a step begins."""
        ...


@dataclass(frozen=True)
class Bench:
    """What a benchmark is given: a temporary environment, sizes, and the references' Python."""

    environment: BenchEnvironment
    scale: Scale
    python: Interpreter
    progress: Progress


def run_benchmark(name: str, scale: Scale, python: Interpreter, progress: Progress) -> Outcome:
    """Return the outcome of one benchmark, measured in a temporary environment."""
    module = importlib.import_module(f"ouspark_assets.bench.{BENCHMARKS[name]}")
    measure: Callable[[Bench], Outcome] = module.measure
    started = time.perf_counter()
    with temporary_environment() as environment:
        outcome = measure(Bench(environment, scale, python, progress))
    return replace(outcome, seconds=time.perf_counter() - started)


@dataclass(frozen=True)
class Contender:
    """A program or library under measurement: `measure` returns one sample."""

    name: str
    measure: Callable[[], float]


def measure_in_turns(
    contenders: Sequence[Contender], rounds: int, unit: str, progress: Progress
) -> dict[str, Samples]:
    """Return the samples of every contender, measured A B A B so that noise affects all alike."""
    values: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(1, rounds + 1):
        for contender in contenders:
            progress.step(f"{contender.name}, round {turn} of {rounds}")
            gc.collect()
            values[contender.name].append(contender.measure())
    return {name: Samples(tuple(taken), unit) for name, taken in values.items()}


def measure_seconds(work: Callable[[], object]) -> float:
    """Return how long a function takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
