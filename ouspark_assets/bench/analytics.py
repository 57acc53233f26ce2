"""All aggregates of 10,000 and 100,000 students: seconds, peak memory, growth, pandas beside.

Every sample is a process of its own, so that its peak of memory is its own; reading the tables is
not counted.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from math import isclose
from pathlib import Path
from typing import Any

from ouspark_assets.bench.benchmark import Bench
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome, Samples, Subject
from ouspark_assets.bench.references import BenchError, completed
from ouspark_assets.bench.rounds import Contender, take_turns
from ouspark_assets.bench.scale import GROWTH
from ouspark_assets.bench.synthetic import clean_tables

SECONDS = Budget(Bound.AT_MOST, 10, Subject.VALUE)
GIGABYTES = Budget(Bound.AT_MOST, 4, Subject.VALUE)
NO_FASTER_THAN_THE_WORK = Budget(Bound.AT_MOST, 11)
# The budgets in seconds and bytes are about this many students.
BUDGETED_STUDENTS = 100_000
PANDAS = "pandas"
PER_GIGABYTE = 1e9


@dataclass
class Processes:
    """Runs computations, and remembers what else they said."""

    said: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def timed(self, name: str, run: Callable[[], dict[str, Any]]) -> Contender:
        """A contender whose samples are the seconds that the process reports."""

        def sample() -> float:
            result = run()
            self.said.setdefault(name, []).append(result)
            return float(result["seconds"])

        return Contender(name, sample)

    def peak(self, name: str) -> Samples:
        """The peak memory of each of its samples."""
        return Samples(tuple(it["peak_bytes"] / PER_GIGABYTE for it in self.said[name]), "GB")


def measure(bench: Bench) -> Outcome:
    """Seconds and memory of each."""
    sizes = (bench.scale.students // GROWTH, bench.scale.students)
    small, large = (f"{size:,} students" for size in sizes)
    folders = {name: _stored(bench, size) for name, size in zip((small, large), sizes, strict=True)}
    processes = Processes()
    contenders = [processes.timed(name, _ours(folder)) for name, folder in folders.items()]
    if bench.python.has("pandas", "pyarrow"):
        contenders.append(processes.timed(PANDAS, _pandas(bench, folders[large])))
    taken = take_turns(contenders, bench.scale.rounds, "s", bench.watch)
    budgeted = bench.scale.students == BUDGETED_STUDENTS
    figures = [
        Figure(f"all aggregates, {small}", taken[small]),
        Figure(f"all aggregates, {large}", taken[large], budget=SECONDS if budgeted else None),
        Figure(
            f"growth to {large}",
            taken[large],
            small,
            taken[small],
            NO_FASTER_THAN_THE_WORK,
            own_reference=True,
        ),
        Figure(
            f"peak memory, {large}", processes.peak(large), budget=GIGABYTES if budgeted else None
        ),
    ]
    notes = [f"slowest of {large}: {_slowest(processes.said[large])}"]
    if PANDAS in taken:
        _refuse_different(processes.said[large][-1], processes.said[PANDAS][-1])
        ours = _common(processes.said[large])
        figures.append(Figure("standings, GPAs and ranks", ours, PANDAS, taken[PANDAS]))
        figures.append(Figure("peak memory", processes.peak(large), PANDAS, processes.peak(PANDAS)))
        notes.append(f"{PANDAS}: standings, SGPAs, CGPAs and ranks only; its ratio is ours to its")
    else:
        notes.append(f"{PANDAS} (with pyarrow) is not installed: left out")
    return Outcome("analytics", "Analytics, computation alone", tuple(figures), tuple(notes))


def _stored(bench: Bench, students: int) -> Path:
    bench.watch.step(f"making up {students:,} students")
    folder, clean = bench.room.folder(f"students-{students}"), clean_tables(students)
    for each in fields(clean):
        getattr(clean, each.name).write_parquet(folder / f"{each.name}.parquet")
    return folder


def _ours(folder: Path) -> Callable[[], dict[str, Any]]:
    command = [sys.executable, "-m", "ouspark_assets.bench.scripts.aggregate", str(folder)]
    return lambda: dict(json.loads(completed(command, environment=os.environ)))


def _pandas(bench: Bench, folder: Path) -> Callable[[], dict[str, Any]]:
    return lambda: bench.python.run("pandas_aggregates", folder)


def _common(said: list[dict[str, Any]]) -> Samples:
    """Our seconds for what the reference computes too."""
    names = ("standings", "semester_gpas", "student_cgpas", "student_rankings")
    return Samples(tuple(sum(it["by_table"][name] for name in names) for it in said), "s")


def _refuse_different(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Two computations are compared only when they find the same."""
    same = ours["standings"] == theirs["standings"]
    if not same or not isclose(ours["mean_cgpa"], theirs["mean_cgpa"], abs_tol=1e-6):
        message = f"{PANDAS} computed something else: {theirs['standings']} standings, mean CGPA "
        message += f"{theirs['mean_cgpa']}, not {ours['standings']} and {ours['mean_cgpa']}"
        raise BenchError(message)


def _slowest(said: list[dict[str, Any]], most: int = 5) -> str:
    by_table = sorted(said[-1]["by_table"].items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {spent:.2f} s" for name, spent in by_table[:most])
