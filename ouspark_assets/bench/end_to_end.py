"""`ouspark run` as people run it: from an empty home to a warm cache, then with nothing new.

The site is a stand-in in a process of its own. Where the time went is read from
`ops.stage_runs` and from Dagster's event log, and said in the notes.
"""

import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from ouspark_assets.bench.benchmark import Bench
from ouspark_assets.bench.environment import Room, temporary_room
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome, Subject
from ouspark_assets.bench.references import completed
from ouspark_assets.bench.rounds import Contender, seconds, take_turns
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
LARGEST = 8


@dataclass(frozen=True)
class Shares:
    """Where the seconds of one `ouspark run` went."""

    wall: float
    stages: Counter[str]
    in_assets: float
    in_checks: float
    in_runs: float

    @property
    def of_stages(self) -> float:
        """The work itself."""
        return sum(self.stages.values())

    @property
    def of_assets(self) -> float:
        """Steps of assets beyond the work: connections, metadata, Dagster's events."""
        return max(0.0, self.in_assets - self.of_stages)

    @property
    def of_runs(self) -> float:
        """Runs beyond their steps: planning, events, bookkeeping."""
        return max(0.0, self.in_runs - self.in_assets - self.in_checks)

    @property
    def of_the_rest(self) -> float:
        """Before, between and after the runs: imports, servers, what to fetch, the summary."""
        return max(0.0, self.wall - self.in_runs)


@dataclass
class Journeys:
    """Homes that are run twice each: empty, and again."""

    site_url: str
    stack: ExitStack
    room: Room | None = None
    shares: dict[str, list[Shares]] = field(default_factory=dict)

    def first(self) -> float:
        """Run in a new home."""
        self.room = self.stack.enter_context(temporary_room())
        return self._run(EMPTY, self.room)

    def again(self) -> float:
        """Run in the same home once more, its servers stopped as they will be by then."""
        return self.first() if self.room is None else self._run(AGAIN, self.room)

    def _run(self, name: str, room: Room) -> float:
        command = [str(Path(sys.executable).parent / "ouspark"), "run"]
        environment = {**room.environment, "OUSPARK_SITE_URL": self.site_url}
        room.home.mkdir(exist_ok=True)
        known = set(_run_times(environment, room)) if name == AGAIN else set()
        stop_servers(room.home)
        wall = seconds(lambda: completed(command, environment=environment, folder=room.home))
        times = _run_times(environment, room)
        new = {run_id: times[run_id] for run_id in times if run_id not in known}
        self.shares.setdefault(name, []).append(_shares(wall, new, room))
        return wall


def measure(bench: Bench) -> Outcome:
    """Seconds of both, and where they went."""
    students = bench.scale.end_to_end_students
    with running_standin(students=students, releases=1) as site, ExitStack() as stack:
        journeys = Journeys(site.url, stack)
        contenders = [Contender(EMPTY, journeys.first), Contender(AGAIN, journeys.again)]
        taken = take_turns(contenders, bench.scale.rounds, "s", bench.watch)
        shares, fetched = journeys.shares, _fetched(journeys)
    budgeted = students == BUDGETED_STUDENTS
    figures = [
        Figure(name, taken[name], budget=BUDGETS[name] if budgeted else None) for name in taken
    ]
    imports = statistics.median(seconds(lambda: completed(IMPORTS)) for _ in range(3))
    notes = [f"{fetched:,} results of one release; servers stopped before each run"]
    notes += [line for name in shares for line in _where_it_went(name, shares[name])]
    notes.append(f"imports alone: {imports:.2f} s")
    return Outcome("end-to-end", "End to end", tuple(figures), tuple(notes))


def _run_times(environment: dict[str, str], room: Room) -> dict[str, Any]:
    printed = completed(RUN_TIMES, environment=environment, folder=room.home)
    times: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return times


def _shares(wall: float, runs: dict[str, Any], room: Room) -> Shares:
    with psycopg.connect(room.servers.dev_dsn) as connection:
        rows = connection.execute(
            """
            SELECT asset, sum(extract(epoch FROM ended - started))::float8
              FROM ops.stage_runs WHERE run_id = ANY(%s) GROUP BY asset
            """,
            (list(runs),),
        ).fetchall()
    return Shares(
        wall=wall,
        stages=Counter(dict(rows)),
        in_assets=sum(run["assets"] for run in runs.values()),
        in_checks=sum(run["checks"] for run in runs.values()),
        in_runs=sum(run["end"] - run["start"] for run in runs.values()),
    )


def _fetched(journeys: Journeys) -> int:
    if journeys.room is None:
        return 0
    with psycopg.connect(journeys.room.servers.dev_dsn) as connection:
        row = connection.execute("SELECT count(*) FROM clean.appearances").fetchone()
    return int(row[0]) if row else 0


def _where_it_went(name: str, shares: list[Shares]) -> list[str]:
    """The medians, as shares of the wall time."""
    wall = _median(it.wall for it in shares)
    stages = {stage: _median(it.stages[stage] for it in shares) for stage in shares[-1].stages}
    largest = sorted(stages.items(), key=lambda item: -item[1])[:LARGEST]
    parts = {
        "the work": _median(it.of_stages for it in shares),
        "Dagster around the work": _median(it.of_assets for it in shares),
        "checks": _median(it.in_checks for it in shares),
        "Dagster around the steps": _median(it.of_runs for it in shares),
        "outside of runs": _median(it.of_the_rest for it in shares),
    }
    return [
        f"{name}: " + ", ".join(_share(part, spent, wall) for part, spent in parts.items()),
        f"{name}, stages: " + ", ".join(_share(part, spent, wall) for part, spent in largest),
    ]


def _share(what: str, spent: float, wall: float) -> str:
    return f"{what} {spent:.2f} s ({100 * spent / wall:.0f} %)"


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)
