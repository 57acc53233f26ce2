"""Counts of events, commands, readings and checks of a trial, and the violations found."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

from ouspark_assets_tests.chaos.readers import Readings
from ouspark_assets_tests.chaos.runs import Ending
from ouspark_assets_tests.chaos.steps import Kind

MAX_DETAIL_LENGTH = 600


@dataclass(frozen=True)
class Violation:
    """A broken invariant, and the event after which it was broken."""

    after: str
    invariant: str
    detail: str


@dataclass
class Tally:
    """All counts, and the violations."""

    step: str = "the beginning"
    events: Counter[Kind] = field(default_factory=Counter)
    skipped: dict[Kind, str] = field(default_factory=dict)
    # Events whose run had already ended.
    too_late: int = 0
    releases: int = 0
    runs: Counter[Ending] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    readings: Readings = field(default_factory=Readings)

    def record_check(self, invariant: str, details: Sequence[str]) -> None:
        """Count a check; record each detail as a violation, unless it is known already."""
        self.checks[invariant] += 1
        known = {(each.invariant, each.detail) for each in self.violations}
        self.violations += [
            Violation(self.step, invariant, detail)
            for detail in dict.fromkeys(details)
            if (invariant, detail) not in known
        ]

    def tables(self) -> list[Table]:
        """Return the tables to print."""
        return [
            self._events_table(),
            self._runs_table(),
            self._checks_table(),
            *self._violations_tables(),
        ]

    def _events_table(self) -> Table:
        table = _table("Events", "event", "times")
        for kind in Kind:
            if kind in self.skipped and not self.events[kind]:
                table.add_row(kind.value, f"skipped: {self.skipped[kind]}")
            elif self.events[kind]:
                table.add_row(kind.value, str(self.events[kind]))
        table.add_row("total", str(self.events.total()))
        return table

    def _runs_table(self) -> Table:
        table = _table("Runs and readers", "what", "how many")
        rows = {
            "runs started": self.runs.total(),
            **{f"runs {ending}": self.runs[ending] for ending in Ending},
            "releases published": self.releases,
            "events after the run had ended": self.too_late,
            "readings of production": self.readings.production,
            "readings of the cache": self.readings.cache,
            "readings while a server was down": self.readings.down,
            "publications seen by readers": self.readings.publications,
        }
        for what, count in rows.items():
            table.add_row(what, str(count))
        return table

    def _checks_table(self) -> Table:
        table = _table("Checks", "invariant", "checked", "broken")
        broken = Counter(each.invariant for each in self.violations)
        for name, times in self.checks.items():
            table.add_row(name, str(times), str(broken[name] or ""))
        return table

    def _violations_tables(self) -> list[Table]:
        if not self.violations:
            return []
        table = _table("Violations", "after", "invariant", "detail")
        for each in self.violations:
            table.add_row(each.after, each.invariant, each.detail[:MAX_DETAIL_LENGTH])
        return [table]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        right = name in ("how many", "checked", "broken")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    return table
