"""`Options`: what an installation may choose about the aggregates where the university has no rule.

The values come from the settings. Their effect on the numbers is defined here.
"""

from dataclasses import dataclass

import polars as pl

from ouspark_assets.domain.rounding import HUNDRED, from_hundredths
from ouspark_assets.settings import AnalyticsSettings


@dataclass(frozen=True)
class Award:
    """A class award and the lowest CGPA that earns it."""

    name: str
    min_cgpa: float


@dataclass(frozen=True)
class Options:
    """Choices about the aggregates. Awards and percentages are off by default."""

    # The number of students with a CGPA below which a college or department is not ranked. The
    # default is that of the setting, whatever the environment contains.
    min_ranked: int = AnalyticsSettings.model_construct().rank_least_students
    # Number of serials in a section; 0 if classes are not divided into sections.
    section_size: int = 0
    awards: tuple[Award, ...] = ()
    # percentage = (CGPA - offset) × factor; no percentage if the factor is None.
    percentage_factor: float | None = None
    percentage_offset: float = 0.0

    def percentage(self, cgpa: pl.Expr) -> pl.Expr:
        """Return the percentage for a CGPA, rounded half up to 2 decimals, clipped to 0..100."""
        if self.percentage_factor is None:
            return pl.lit(None, pl.Float64)
        factor = round(self.percentage_factor * HUNDRED)
        above = (cgpa * HUNDRED).round(0).cast(pl.Int64) - round(self.percentage_offset * HUNDRED)
        rounded = (2 * above * factor + HUNDRED) // (2 * HUNDRED)
        return from_hundredths(rounded).clip(0, HUNDRED)

    def award(self, cgpa: pl.Expr) -> pl.Expr:
        """Return the name of the highest award that a CGPA earns; null if it earns none."""
        highest_first = sorted(self.awards, key=lambda award: award.min_cgpa, reverse=True)
        earned = [
            pl.when(cgpa >= award.min_cgpa).then(pl.lit(award.name)) for award in highest_first
        ]
        return pl.coalesce(*earned, pl.lit(None, pl.String))
