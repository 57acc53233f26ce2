"""What a benchmark finds: samples, figures, budgets, outcomes. No measuring and no showing here."""

import statistics
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

SMALL, MIDDLE = 10, 1000


@dataclass(frozen=True)
class Samples:
    """Measurements of one thing, in the order they were taken."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest."""
        return min(self.values), max(self.values)

    def __str__(self) -> str:
        """The median and, in brackets, the spread."""
        shown = number(self.median)
        if len(self.values) > 1:
            low, high = self.spread
            shown += f" ({number(low)} to {number(high)})"
        return f"{shown} {self.unit}".strip()


class Bound(StrEnum):
    """On which side of its limit a figure has to be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


class Subject(StrEnum):
    """What of a figure a budget is about."""

    RATIO = "ratio"
    VALUE = "value"


@dataclass(frozen=True)
class Budget:
    """A limit for the ratio of a figure, or for its median."""

    bound: Bound
    limit: float
    subject: Subject = Subject.RATIO

    def allows(self, value: float) -> bool:
        """Whether a value is within the budget."""
        return value >= self.limit if self.bound is Bound.AT_LEAST else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """One thing measured, beside the reference measured in the same rounds, if there is one."""

    what: str
    ours: Samples
    against: str | None = None
    theirs: Samples | None = None
    budget: Budget | None = None
    # Whether the reference is another figure of ours, and not what people would use instead.
    own_reference: bool = False

    @property
    def ratio(self) -> Samples | None:
        """Ours divided by theirs, round by round."""
        if self.theirs is None:
            return None
        pairs = zip(self.ours.values, self.theirs.values, strict=False)
        return Samples(tuple(ours / theirs for ours, theirs in pairs), "×")

    @property
    def advantage(self) -> float | None:
        """How many times better than the reference of others: more of a rate, less of a cost."""
        if self.ratio is None or self.own_reference:
            return None
        is_rate = self.ours.unit.endswith("/s")
        return self.ratio.median if is_rate else 1 / self.ratio.median

    @property
    def met(self) -> bool | None:
        """Whether the budget holds; None without a budget, or without its reference."""
        if self.budget is None:
            return None
        judged = self.ours if self.budget.subject is Subject.VALUE else self.ratio
        return None if judged is None else self.budget.allows(judged.median)

    @property
    def budget_text(self) -> str:
        """The budget as people write it."""
        if self.budget is None:
            return ""
        unit = "×" if self.budget.subject is Subject.RATIO else self.ours.unit
        return f"{self.budget.bound} {number(self.budget.limit)} {unit}"


@dataclass(frozen=True)
class Outcome:
    """What one benchmark found, and what has to be said about it."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def missed(self) -> list[Figure]:
        """The figures beyond their budget."""
        return [figure for figure in self.figures if figure.met is False]

    def as_json(self) -> dict[str, Any]:
        """Everything, with what is derived beside it."""
        derived = [
            {"median": figure.ours.median, "ratio": _median(figure.ratio), "met": figure.met}
            for figure in self.figures
        ]
        plain = asdict(self)
        plain["figures"] = [
            {**figure, **more} for figure, more in zip(plain["figures"], derived, strict=True)
        ]
        return plain


def number(value: float) -> str:
    """A number with about three digits that count."""
    if abs(value) >= MIDDLE:
        return f"{value:,.0f}"
    if abs(value) >= SMALL:
        return f"{value:.1f}"
    return f"{value:.2f}"


def _median(samples: Samples | None) -> float | None:
    return None if samples is None else samples.median
