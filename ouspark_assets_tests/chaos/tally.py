"""Counts of events, commands, readings and checks of a trial, and the violations found."""

from collections import Counter
from collections.abc import Iterable, Sequence
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
        events = {kind.value: f"skipped: {reason}" for kind, reason in self.skipped.items()}
        events |= {kind.value: str(self.events[kind]) for kind in Kind if self.events[kind]}
        counts = {
            "runs started": self.runs.total(),
            **{f"runs {ending}": self.runs[ending] for ending in Ending},
            "releases published": self.releases,
            "events after the run had ended": self.too_late,
            "readings of production": self.readings.production,
            "readings of the cache": self.readings.cache,
            "readings while a server was down": self.readings.down,
            "publications seen by readers": self.readings.publications,
        }
        broken = Counter(each.invariant for each in self.violations)
        checks = [(name, times, broken[name] or "") for name, times in self.checks.items()]
        violations = [
            (each.after, each.invariant, each.detail[:MAX_DETAIL_LENGTH])
            for each in self.violations
        ]
        tables = [
            _table("Events", ("event", "times"), [*events.items(), ("total", self.events.total())]),
            _table("Runs and readers", ("what", "how many"), counts.items()),
            _table("Checks", ("invariant", "checked", "broken"), checks),
        ]
        if violations:
            tables.append(_table("Violations", ("after", "invariant", "detail"), violations))
        return tables


def _table(title: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        is_number = name in ("how many", "checked", "broken")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    return table
