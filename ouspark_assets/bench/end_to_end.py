"""Benchmark of `ouspark run`: from an empty home to a warm cache, then with nothing new.

The stand-in runs in a process of its own. The notes tell where the time went, according to
`ops.stage_runs` and Dagster's event log.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import scalar_row

from ouspark_assets.bench.bench_environment import BenchEnvironment, temporary_environment
from ouspark_assets.bench.benchmark import Bench, Contender, measure_in_turns, measure_seconds
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome, Subject
from ouspark_assets.bench.references import run_json, run_program
from ouspark_assets.services.client import stop_servers
from ouspark_assets.standin.process import running_standin

EMPTY, AGAIN = "from empty to warm cache", "again, nothing new"
BUDGETS = {
    EMPTY: Budget(Bound.AT_MOST, 20, Subject.VALUE),
    AGAIN: Budget(Bound.AT_MOST, 6, Subject.VALUE),
}
BUDGETED_STUDENTS = 10_000
RUN_TIMES = [sys.executable, "-m", "ouspark_assets.orchestration.run_times"]
# Everything that `ouspark run` imports before it does anything.
IMPORTS = [sys.executable, "-c", "import ouspark_assets.cli.run"]
SHOWN_STAGES = 8


@dataclass(frozen=True)
class RunCost:
    """Where the seconds of one `ouspark run` went."""

    wall: float
    stages: dict[str, float]
    in_assets: float
    in_checks: float
    in_runs: float

    @property
    def parts(self) -> dict[str, float]:
        """Seconds of the stages themselves, and of everything around them."""
        work = sum(self.stages.values())
        return {
            "the work": work,
            # Connections, metadata, Dagster's events.
            "Dagster around the work": max(0.0, self.in_assets - work),
            "checks": self.in_checks,
            # Planning, events, bookkeeping.
            "Dagster around the steps": max(0.0, self.in_runs - self.in_assets - self.in_checks),
            # Imports, servers, planning of the fetches, the summary.
            "outside of runs": max(0.0, self.wall - self.in_runs),
        }


@dataclass
class MeasuredRuns:
    """Runs of `ouspark run` in new homes and again in the same homes, with their costs."""

    site_url: str
    stack: ExitStack
    environment: BenchEnvironment | None = None
    costs: dict[str, list[RunCost]] = field(default_factory=dict)

    def run_in_new_home(self) -> float:
        """Return the seconds of a run in a new home."""
        self.environment = self.stack.enter_context(temporary_environment())
        return self._run(EMPTY, self.environment)

    def run_again(self) -> float:
        """Return the seconds of another run in the same home, with its servers stopped before."""
        if self.environment is None:
            return self.run_in_new_home()
        return self._run(AGAIN, self.environment)

    def _run(self, name: str, environment: BenchEnvironment) -> float:
        command = [Path(sys.executable).parent / "ouspark", "run"]
        home = environment.home
        variables = {**environment.variables, "OUSPARK_SITE_URL": self.site_url}
        home.mkdir(exist_ok=True)

        def run_times() -> dict[str, Any]:
            return run_json(RUN_TIMES, environment=variables, folder=home)

        known = run_times() if name == AGAIN else {}
        stop_servers(home)
        wall = measure_seconds(lambda: run_program(command, environment=variables, folder=home))
        new = {run_id: times for run_id, times in run_times().items() if run_id not in known}
        # Asking for the address starts the servers, so only now.
        cost = _read_cost(wall, new, environment.servers.dev_dsn)
        self.costs.setdefault(name, []).append(cost)
        return wall


def measure(bench: Bench) -> Outcome:
    """Return the seconds of both runs, and where they went."""
    students = bench.scale.end_to_end_students
    with running_standin(students=students, releases=1) as site, ExitStack() as stack:
        runs = MeasuredRuns(site.url, stack)
        contenders = [Contender(EMPTY, runs.run_in_new_home), Contender(AGAIN, runs.run_again)]
        taken = measure_in_turns(contenders, bench.scale.rounds, "s", bench.progress)
        results = _count_results(runs.environment)
    is_budgeted = students == BUDGETED_STUDENTS
    figures = [
        Figure(name, taken[name], budget=BUDGETS[name] if is_budgeted else None) for name in taken
    ]
    imports = statistics.median(measure_seconds(lambda: run_program(IMPORTS)) for _ in range(3))
    notes = [f"{results:,} results of one release; servers stopped before each run"]
    notes += [line for name, costs in runs.costs.items() for line in _describe(name, costs)]
    notes.append(f"imports alone: {imports:.2f} s")
    return Outcome("end-to-end", "End to end", tuple(figures), tuple(notes))


def _read_cost(wall: float, runs: dict[str, Any], dsn: str) -> RunCost:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            """
            SELECT asset, sum(extract(epoch FROM ended - started))::float8
              FROM ops.stage_runs WHERE run_id = ANY(%s) GROUP BY asset
            """,
            (list(runs),),
        ).fetchall()
    return RunCost(
        wall=wall,
        stages=dict(rows),
        in_assets=sum(run["assets"] for run in runs.values()),
        in_checks=sum(run["checks"] for run in runs.values()),
        in_runs=sum(run["end"] - run["start"] for run in runs.values()),
    )


def _count_results(environment: BenchEnvironment | None) -> int:
    if environment is None:
        return 0
    with psycopg.connect(environment.servers.dev_dsn, row_factory=scalar_row) as connection:
        return connection.execute("SELECT count(*) FROM clean.appearances").fetchone() or 0


def _describe(name: str, costs: list[RunCost]) -> list[str]:
    """Return two notes: the median seconds of parts and stages, and their share of the total."""
    wall = statistics.median(cost.wall for cost in costs)

    def medians(figures: Sequence[Mapping[str, float]]) -> list[tuple[str, float]]:
        names = figures[-1]
        return [(n, statistics.median(each.get(n, 0.0) for each in figures)) for n in names]

    def join(spent: Sequence[tuple[str, float]]) -> str:
        return ", ".join(f"{what} {s:.2f} s ({100 * s / wall:.0f} %)" for what, s in spent)

    stages = sorted(medians([cost.stages for cost in costs]), key=lambda item: -item[1])
    return [
        f"{name}: {join(medians([cost.parts for cost in costs]))}",
        f"{name}, stages: {join(stages[:SHOWN_STAGES])}",
    ]
