"""`ouspark releases`: list the known releases, or add one that the index page does not show."""

import click
import dagster as dg
import polars as pl

from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.domain.releases import in_release_order
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.orchestration.resources import Development, ResultsSite
from ouspark_assets.pipeline.discover import add_release, build_release_row
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.records.loads import loaded_fingerprints


def list_releases(*, as_json: bool, every_course: bool) -> None:
    """List the known releases, oldest first."""
    with Development().connected("releases") as connection:
        index = in_release_order(read_table(connection, RELEASE_INDEX))
        loaded_releases = loaded_fingerprints(connection)
    shown = index if every_course else index.filter(pl.col("course").is_not_null())
    rows = [
        {
            "release": row["release"],
            "session": _session(row["session_year"], row["session_month"]),
            "kind": row["exam_kind"],
            "scheme": row["scheme"],
            "published": row["published_on"],
            "loaded": "yes" if row["release"] in loaded_releases else "",
            "title": row["title"],
        }
        for row in shown.iter_rows(named=True)
    ]
    if as_json:
        show_json(rows)
    else:
        show_table("Releases", rows)


def register_release(key: str, title: str) -> None:
    """Register a release that the index page may not show."""
    row = build_release_row(key, ResultsSite().url, title)
    with Development().connected("releases") as connection:
        add_release(connection, row, "cli")
    with dg.DagsterInstance.get() as instance:
        register_releases(instance, [key])
    click.echo(f"Release {key} is registered. To bring it in: ouspark run --release {key}")


def _session(year: int | None, month: int | None) -> str | None:
    if year is None:
        return None
    return f"{year}-{month:02d}" if month else str(year)
