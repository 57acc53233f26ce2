"""Benchmark of all aggregates: seconds, peak memory, growth from 10,000 to 100,000 students.

The reference is pandas. Every sample runs in a process of its own, so that it has a memory peak of
its own; reading the tables does not count.
"""

import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from math import isclose
from pathlib import Path
from typing import Any

from ouspark_assets.bench.benchmark import Bench, Contender, measure_in_turns
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome, Samples, Subject
from ouspark_assets.bench.references import BenchError, run_json
from ouspark_assets.bench.synthetic import generate_clean_tables

SECONDS = Budget(Bound.AT_MOST, 10, Subject.VALUE)
GIGABYTES = Budget(Bound.AT_MOST, 4, Subject.VALUE)
# Ten times as many students may take eleven times as long.
GROWTH = 10
MAX_GROWTH = Budget(Bound.AT_MOST, 11)
# The budgets in seconds and bytes apply to this many students.
BUDGETED_STUDENTS = 100_000
PANDAS = "pandas"
PER_GIGABYTE = 1e9
# The tables that pandas computes too.
COMMON_TABLES = ("standings", "semester_gpas", "student_cgpas", "student_rankings")


def measure(bench: Bench) -> Outcome:
    """Return seconds and peak memory for both sizes, and those of pandas for the larger one."""
    sizes = (bench.scale.students // GROWTH, bench.scale.students)
    small, large = (f"{size:,} students" for size in sizes)
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def sample(name: str, run: Callable[[], dict[str, Any]]) -> float:
        results[name].append(run())
        return float(results[name][-1]["seconds"])

    def peak_memory(name: str) -> Samples:
        return Samples(tuple(run["peak_bytes"] / PER_GIGABYTE for run in results[name]), "GB")

    contenders = []
    for name, size in zip((small, large), sizes, strict=True):
        folder = _store_tables(bench, size)
        command = [sys.executable, "-m", "ouspark_assets.bench.scripts.aggregate", folder]
        contenders.append(Contender(name, partial(sample, name, partial(run_json, command))))
    if bench.python.has("pandas", "pyarrow"):
        run_pandas = partial(bench.python.run, "pandas_aggregates", folder)
        contenders.append(Contender(PANDAS, partial(sample, PANDAS, run_pandas)))
    taken = measure_in_turns(contenders, bench.scale.rounds, "s", bench.progress)
    is_budgeted = bench.scale.students == BUDGETED_STUDENTS
    growth = Figure(
        f"growth to {large}", taken[large], small, taken[small], MAX_GROWTH, own_reference=True
    )
    memory_budget = GIGABYTES if is_budgeted else None
    figures = [
        Figure(f"all aggregates, {small}", taken[small]),
        Figure(f"all aggregates, {large}", taken[large], budget=SECONDS if is_budgeted else None),
        growth,
        Figure(f"peak memory, {large}", peak_memory(large), budget=memory_budget),
    ]
    slowest = sorted(results[large][-1]["by_table"].items(), key=lambda item: -item[1])[:5]
    spent = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in slowest)
    notes = [f"slowest tables of {large}: {spent}"]
    if PANDAS in taken:
        _refuse_different(results[large][-1], results[PANDAS][-1])
        seconds = (sum(run["by_table"][name] for name in COMMON_TABLES) for run in results[large])
        common = Samples(tuple(seconds), "s")
        figures.append(Figure("standings, GPAs and ranks", common, PANDAS, taken[PANDAS]))
        figures.append(Figure("peak memory", peak_memory(large), PANDAS, peak_memory(PANDAS)))
        notes.append(f"{PANDAS} computes standings, SGPAs, CGPAs and ranks only")
    else:
        notes.append(f"{PANDAS} (with pyarrow) is not installed: left out")
    return Outcome("analytics", "Analytics, computation alone", tuple(figures), tuple(notes))


def _store_tables(bench: Bench, students: int) -> Path:
    bench.progress.step(f"generating {students:,} students")
    folder = bench.environment.create_folder(f"students-{students}")
    for name, frame in vars(generate_clean_tables(students)).items():
        frame.write_parquet(folder / f"{name}.parquet")
    return folder


def _refuse_different(result: dict[str, Any], reference: dict[str, Any]) -> None:
    """Raise BenchError unless both computed the same, as only then they are comparable."""
    is_same = result["standings"] == reference["standings"]
    if not is_same or not isclose(result["mean_cgpa"], reference["mean_cgpa"], abs_tol=1e-6):
        message = (
            f"{PANDAS} computed {reference['standings']} standings with a mean CGPA of "
            f"{reference['mean_cgpa']}; OuSpark computed {result['standings']} with "
            f"{result['mean_cgpa']}. Only equal results can be compared."
        )
        raise BenchError(message)
