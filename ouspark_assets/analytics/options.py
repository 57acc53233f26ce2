"""What an installation may choose about the numbers; every default is the university's own rule.

The values come from the settings; what they do to a number is said here.
"""

from dataclasses import dataclass

import polars as pl

from ouspark_assets.domain.rounding import HUNDRED, from_hundredths

LEAST_RANKED = 20


@dataclass(frozen=True)
class Award:
    """A class award and the least CGPA that it is given for."""

    name: str
    least: float


@dataclass(frozen=True)
class Options:
    """Choices that no rule of the university makes; awards and percentages are off by default."""

    # The least number of students with a CGPA for a college or department to be ranked.
    least_ranked: int = LEAST_RANKED
    # Serials of a section; 0 when classes are not divided.
    section_size: int = 0
    awards: tuple[Award, ...] = ()
    # percentage = (CGPA - offset) × factor; None for no percentage at all.
    percentage_factor: float | None = None
    percentage_offset: float = 0.0

    def percentage(self, cgpa: pl.Expr) -> pl.Expr:
        """The percentage of a CGPA, half up to 2 decimals, between 0 and 100."""
        if self.percentage_factor is None:
            return pl.lit(None, pl.Float64)
        factor = round(self.percentage_factor * HUNDRED)
        above = (cgpa * HUNDRED).round(0).cast(pl.Int64) - round(self.percentage_offset * HUNDRED)
        cents = (2 * above * factor + HUNDRED) // (2 * HUNDRED)
        return from_hundredths(cents).clip(0, HUNDRED)

    def award(self, cgpa: pl.Expr) -> pl.Expr:
        """The highest award whose limit a CGPA reaches."""
        highest_first = sorted(self.awards, key=lambda award: award.least, reverse=True)
        reached = [pl.when(cgpa >= award.least).then(pl.lit(award.name)) for award in highest_first]
        return pl.coalesce(*reached, pl.lit(None, pl.String))
