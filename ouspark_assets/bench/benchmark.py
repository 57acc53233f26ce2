"""Which benchmarks there are, and what they are given. What each measures is in its own module."""

import importlib
import time
from dataclasses import dataclass, replace
from typing import Protocol

from ouspark_assets.bench.environment import Room, temporary_room
from ouspark_assets.bench.figures import Outcome
from ouspark_assets.bench.references import Interpreter
from ouspark_assets.bench.rounds import Watch
from ouspark_assets.bench.scale import Scale

# Command-line name to module: the order in which they run.
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
class Bench:
    """What a benchmark works with."""

    room: Room
    scale: Scale
    python: Interpreter
    watch: Watch


class Benchmark(Protocol):
    """The module of a benchmark."""

    def measure(self, bench: Bench) -> Outcome:
        """Measure, and say what was found."""
        ...


def carry_out(name: str, scale: Scale, python: Interpreter, watch: Watch) -> Outcome:
    """Run one benchmark in a room of its own."""
    module = importlib.import_module(f"ouspark_assets.bench.{BENCHMARKS[name]}")
    benchmark: Benchmark = module
    started = time.perf_counter()
    with temporary_room() as room:
        outcome = benchmark.measure(Bench(room, scale, python, watch))
    return replace(outcome, seconds=time.perf_counter() - started)
