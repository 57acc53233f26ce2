"""`ouspark bench`: measure each stage against its reference, and show the figures.

Options, progress, table and exit code only; the measurements are in `bench/`.
"""

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from ouspark_assets.bench.benchmark import BENCHMARKS, FULL, QUICK, run_benchmark
from ouspark_assets.bench.figures import Figure, Outcome
from ouspark_assets.bench.plot import ratios_as_svg
from ouspark_assets.bench.references import Interpreter
from ouspark_assets.cli.output import ProgressBars, console, show_json, show_table
from ouspark_assets.domain.errors import OuSparkError

VERDICTS = {True: "met", False: "MISSED", None: ""}


class BudgetMissedError(OuSparkError):
    """A measured figure misses its budget."""


class BenchProgress(ProgressBars):
    """A progress bar over the benchmarks; without a terminal, one line per benchmark."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            console(),
            BarColumn(),
            TextColumn("{task.completed} of {task.total}"),
            TimeElapsedColumn(),
        )
        self._names = names
        self._name = ""
        self._task = self.bars.add_task("", total=len(names))

    def begin(self, name: str) -> None:
        """Show that a benchmark begins."""
        self._name = name
        self.bars.update(self._task, completed=self._names.index(name), description=name)
        if not self.console.is_terminal:
            click.echo(
                f"bench {name} ({self._names.index(name) + 1} of {len(self._names)})", err=True
            )

    def step(self, text: str) -> None:
        """Show which step of the benchmark begins."""
        self.bars.update(self._task, description=f"{self._name}: {text}")


def measure_stages(
    *,
    names: tuple[str, ...],
    as_json: bool,
    students: int | None,
    runs: int | None,
    quick: bool,
    python: Path | None,
    plot: Path | None,
) -> None:
    """Measure each stage and its reference in the same run, and compare the two."""
    scale = QUICK if quick else FULL
    scale = scale.with_students(students) if students else scale
    scale = replace(scale, rounds=runs) if runs else scale
    chosen = [name for name in BENCHMARKS if name in names or not names]
    interpreter = Interpreter(python) if python else Interpreter.default()
    outcomes = []
    with BenchProgress(chosen) as progress:
        for name in chosen:
            progress.begin(name)
            outcomes.append(run_benchmark(name, scale, interpreter, progress))
    _show(outcomes, as_json=as_json)
    if plot is not None:
        plot.write_text(ratios_as_svg(outcomes), "utf-8")
    if not quick:
        _refuse_missed(outcomes)


def _show(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        benchmarks = [outcome.as_json() for outcome in outcomes]
        show_json({"machine": _machine(), "benchmarks": benchmarks})
        return
    for outcome in outcomes:
        rows = [_row(figure) for figure in outcome.figures]
        show_table(f"{outcome.title} ({outcome.seconds:.0f} s)", rows, right=("ratio", "budget"))
        for note in outcome.notes:
            click.echo(f"  {note}")
    click.echo("  ".join(f"{name}: {value}" for name, value in _machine().items()))


def _row(figure: Figure) -> dict[str, object]:
    return {
        "what": figure.what,
        "measured": figure.ours,
        "against": figure.against,
        "reference": figure.theirs,
        "ratio": figure.ratio,
        "budget": figure.budget_text,
        "": VERDICTS[figure.met],
    }


def _machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _refuse_missed(outcomes: Sequence[Outcome]) -> None:
    missed = [(outcome.name, figure) for outcome in outcomes for figure in outcome.missed]
    if not missed:
        return
    figures = "; ".join(f"{name}: {figure.what} ({figure.budget_text})" for name, figure in missed)
    message = f"{len(missed)} budgets were missed: {figures}. Measure again on a quiet machine."
    raise BudgetMissedError(message)
