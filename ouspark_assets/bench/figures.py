"""Results of benchmarks: samples, figures, budgets, outcomes.

Measuring is in `benchmark`, showing is in `cli/bench`.
"""

import statistics
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

# From here on a number is shown with one decimal, and without any.
ONE_DECIMAL, NO_DECIMAL = 10, 1000


@dataclass(frozen=True)
class Samples:
    """Measurements of one thing, in the order they were taken."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """The median value."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return min(self.values), max(self.values)

    def __str__(self) -> str:
        """Return the median, the spread in parentheses, and the unit."""
        shown = format_number(self.median)
        if len(self.values) > 1:
            low, high = self.spread
            shown += f" ({format_number(low)} to {format_number(high)})"
        return f"{shown} {self.unit}".strip()


class Bound(StrEnum):
    """On which side of the limit a figure must be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


class Subject(StrEnum):
    """What a budget limits: the ratio of a figure or its value."""

    RATIO = "ratio"
    VALUE = "value"


@dataclass(frozen=True)
class Budget:
    """A limit for the median of a figure or of its ratio."""

    bound: Bound
    limit: float
    subject: Subject = Subject.RATIO

    def allows(self, value: float) -> bool:
        """Return whether a value is within the budget."""
        return value >= self.limit if self.bound is Bound.AT_LEAST else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """A measurement of OuSpark (`ours`) and of its reference (`theirs`) in the same rounds."""

    what: str
    ours: Samples
    against: str | None = None
    theirs: Samples | None = None
    budget: Budget | None = None
    # Whether the reference is another figure of OuSpark, not another program.
    own_reference: bool = False

    @property
    def ratio(self) -> Samples | None:
        """The measurement divided by its reference, round by round."""
        if self.theirs is None:
            return None
        pairs = zip(self.ours.values, self.theirs.values, strict=False)
        return Samples(tuple(ours / theirs for ours, theirs in pairs), "×")

    @property
    def advantage(self) -> float | None:
        """How many times better than another program: a higher rate or a lower cost."""
        if self.ratio is None or self.own_reference:
            return None
        is_rate = self.ours.unit.endswith("/s")
        return self.ratio.median if is_rate else 1 / self.ratio.median

    @property
    def met(self) -> bool | None:
        """Whether the budget is met; None without a budget, or without its reference."""
        if self.budget is None:
            return None
        judged = self.ours if self.budget.subject is Subject.VALUE else self.ratio
        return None if judged is None else self.budget.allows(judged.median)

    @property
    def budget_text(self) -> str:
        """The budget as text; empty without one."""
        if self.budget is None:
            return ""
        unit = "×" if self.budget.subject is Subject.RATIO else self.ours.unit
        return f"{self.budget.bound} {format_number(self.budget.limit)} {unit}"


@dataclass(frozen=True)
class Outcome:
    """The figures of one benchmark, with notes on how they were measured."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def missed(self) -> list[Figure]:
        """The figures that miss their budget."""
        return [figure for figure in self.figures if figure.met is False]

    def as_json(self) -> dict[str, Any]:
        """Return all fields as JSON values, with median, ratio and verdict of every figure."""
        plain = asdict(self)
        for figure, fields in zip(self.figures, plain["figures"], strict=True):
            fields["median"] = figure.ours.median
            fields["ratio"] = figure.ratio.median if figure.ratio else None
            fields["met"] = figure.met
        return plain


def format_number(value: float) -> str:
    """Return a number with about three significant digits."""
    if abs(value) >= NO_DECIMAL:
        return f"{value:,.0f}"
    if abs(value) >= ONE_DECIMAL:
        return f"{value:.1f}"
    return f"{value:.2f}"
