"""Which benchmarks there are, and what they are given. What each measures is in its own module."""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ouspark_assets.bench.figures import Outcome
from ouspark_assets.bench.references import Interpreter
from ouspark_assets.bench.room import Room, temporary_room
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


def carry_out(name: str, scale: Scale, python: Interpreter, watch: Watch) -> Outcome:
    """Run one benchmark in a room of its own."""
    module = importlib.import_module(f"ouspark_assets.bench.{BENCHMARKS[name]}")
    measure: Callable[[Bench], Outcome] = module.measure
    started = time.perf_counter()
    with temporary_room() as room:
        outcome = measure(Bench(room, scale, python, watch))
    return replace(outcome, seconds=time.perf_counter() - started)
