"""What a chaos run did and what it found, counted and told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

from ouspark_assets_tests.chaos.readers import Readings
from ouspark_assets_tests.chaos.runs import Ending
from ouspark_assets_tests.chaos.steps import Kind

LONGEST_SHOWN = 600


@dataclass(frozen=True)
class Violation:
    """A broken promise: after which event, which one, how."""

    after: str
    invariant: str
    detail: str


@dataclass
class Tally:
    """Counts of everything, and what was broken."""

    now: str = "the beginning"
    events: Counter[Kind] = field(default_factory=Counter)
    skipped: dict[Kind, str] = field(default_factory=dict)
    # Events that came when the run they were meant for had ended already.
    too_late: int = 0
    releases: int = 0
    runs: Counter[Ending] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    readings: Readings = field(default_factory=Readings)

    def check(self, invariant: str, details: Sequence[str]) -> None:
        """A check was made; every detail is a violation of it."""
        self.checks[invariant] += 1
        known = {(it.invariant, it.detail) for it in self.violations}
        self.violations += [
            Violation(self.now, invariant, detail)
            for detail in dict.fromkeys(details)
            if (invariant, detail) not in known
        ]

    def tables(self) -> list[Table]:
        """Everything, for a person."""
        return [self._of_events(), self._of_runs(), self._of_checks(), *self._of_violations()]

    def _of_events(self) -> Table:
        table = _table("Events", "what happened", "times")
        for kind in Kind:
            if kind in self.skipped and not self.events[kind]:
                table.add_row(kind.value, f"skipped: {self.skipped[kind]}")
            elif self.events[kind]:
                table.add_row(kind.value, str(self.events[kind]))
        table.add_row("in all", str(self.events.total()))
        return table

    def _of_runs(self) -> Table:
        table = _table("Runs and readers", "what", "how many")
        rows = {
            "runs started": self.runs.total(),
            **{f"runs that {_verb(ending)}": self.runs[ending] for ending in Ending},
            "releases that appeared": self.releases,
            "events after the run had ended": self.too_late,
            "readings of production": self.readings.production,
            "readings of the cache": self.readings.cache,
            "readings while a server was down": self.readings.down,
            "publications that readers saw": self.readings.publications,
        }
        for what, count in rows.items():
            table.add_row(what, str(count))
        return table

    def _of_checks(self) -> Table:
        table = _table("Checks", "invariant", "checked", "broken")
        broken = Counter(it.invariant for it in self.violations)
        for name, times in self.checks.items():
            table.add_row(name, str(times), str(broken[name] or ""))
        return table

    def _of_violations(self) -> list[Table]:
        if not self.violations:
            return []
        table = _table("Violations", "after", "invariant", "how")
        for it in self.violations:
            table.add_row(it.after, it.invariant, it.detail[:LONGEST_SHOWN])
        return [table]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        right = name in ("how many", "checked", "broken")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table


def _verb(ending: Ending) -> str:
    killed = ending in (Ending.KILLED, Ending.STUCK)
    return f"were {ending}" if killed else ending.value
