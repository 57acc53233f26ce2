"""Taking turns: contenders measured A B A B, so that what disturbs one disturbs all.

What is measured is the benchmarks' own matter; how it is shown, the command's.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ouspark_assets.bench.figures import Samples


class Watch(Protocol):
    """Whoever shows how far the benchmarks are."""

    def step(self, text: str) -> None:
        """Something begins."""
        ...


@dataclass(frozen=True)
class Contender:
    """Something that is measured: a name, and a function that returns one sample."""

    name: str
    measure: Callable[[], float]


def take_turns(
    contenders: Sequence[Contender], rounds: int, unit: str, watch: Watch
) -> dict[str, Samples]:
    """The samples of every contender, one of each per round."""
    values: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for turn in range(1, rounds + 1):
        for contender in contenders:
            watch.step(f"{contender.name}, round {turn} of {rounds}")
            gc.collect()
            values[contender.name].append(contender.measure())
    return {name: Samples(tuple(taken), unit) for name, taken in values.items()}


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
