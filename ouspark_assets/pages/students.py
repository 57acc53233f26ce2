"""Students: the latest appearance of each ticket in release order, with the ticket taken apart."""

import polars as pl

from ouspark_assets.domain.hall_tickets import hall_ticket_parts
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.schemas.clean import STUDENTS


def latest_appearances(appearances: pl.DataFrame, release_index: pl.DataFrame) -> pl.DataFrame:
    """One row per student out of all appearances."""
    order = in_release_order(release_index).select("release", "release_order")
    latest = (
        appearances.join(order, on="release", how="left")
        .sort("release_order", "release", nulls_last=False)
        .unique("hall_ticket", keep="last", maintain_order=True)
        .rename({"release": "last_release"})
        .with_columns(hall_ticket_parts())
    )
    return STUDENTS.conform(latest).sort("hall_ticket")
