"""The aggregates of a set of clean tables, computed when they are asked for."""

from collections.abc import Mapping

import polars as pl

from ouspark_assets.analytics.options import Options
from ouspark_assets.pipeline.aggregates import AGGREGATES

BY_NAME = {aggregate.table.name: aggregate for aggregate in AGGREGATES}


class Frames(dict[str, pl.DataFrame]):
    """Clean tables by name, and every aggregate of them; each fits its model."""

    def __init__(self, clean: Mapping[str, pl.DataFrame], options: Options) -> None:
        super().__init__(clean)
        self.options = options

    def __missing__(self, name: str) -> pl.DataFrame:
        aggregate = BY_NAME[name]
        result = aggregate.compute(self, self.options)
        self[name] = aggregate.table.model.validate(result, lazy=True)
        return self[name]


def aggregated(clean: Mapping[str, pl.DataFrame], options: Options | None = None) -> Frames:
    """The clean tables and, on demand, every aggregate of them."""
    return Frames(clean, options or Options())


def all_aggregates(clean: Mapping[str, pl.DataFrame], options: Options | None = None) -> Frames:
    """The clean tables and every aggregate of them."""
    frames = aggregated(clean, options)
    for name in BY_NAME:
        _ = frames[name]
    return frames
