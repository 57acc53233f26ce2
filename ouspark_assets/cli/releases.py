"""`ouspark releases`: which releases are known, and adding one that the index does not show."""

from datetime import UTC, datetime

import click
import dagster as dg
import polars as pl

from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.domain.errors import SiteError
from ouspark_assets.domain.releases import in_release_order, require_release_key
from ouspark_assets.orchestration.partitions import register_releases
from ouspark_assets.orchestration.resources import Development, ResultsSite
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.release_index import make_release_row, merge_index
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.core.writing import writing
from ouspark_assets.warehouse.records.loads import loaded


@click.group(invoke_without_command=True)
@click.pass_context
def releases(context: click.Context) -> None:
    """The releases of results that are known."""
    if context.invoked_subcommand is None:
        context.invoke(list_releases)


@releases.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--every-course", is_flag=True, help="Other courses than B.E. too.")
def list_releases(*, as_json: bool = False, every_course: bool = False) -> None:
    """List the known releases, oldest first."""
    with Development().connected("releases") as connection:
        index = in_release_order(read_table(connection, RELEASE_INDEX))
        done = loaded(connection)
    shown = index if every_course else index.filter(pl.col("course").is_not_null())
    rows = [
        {
            "release": row["release"],
            "session": _session(row),
            "kind": row["exam_kind"],
            "scheme": row["scheme"],
            "published": row["published_on"],
            "loaded": "yes" if row["release"] in done else "",
            "title": row["title"],
        }
        for row in shown.iter_rows(named=True)
    ]
    if as_json:
        show_json(rows)
    else:
        show_table("Releases", rows)


@releases.command("add")
@click.argument("key")
@click.option("--title", default="", help="Its title, when known: session and scheme follow.")
def add_release(key: str, title: str) -> None:
    """Register a release that the index page may not show.

    KEY names it as the address of its results page does: 20250402 for /res07/20250402.jsp.
    """
    row = make_release_row(
        require_release_key(key), ResultsSite().url, seen_at=datetime.now(UTC), title=title
    )
    _refuse_another_course(row)
    with Development().connected("releases") as connection, writing(connection, "cli") as writer:
        known = read_table(connection, RELEASE_INDEX)
        if _says_more(row, known):
            writer.merge(RELEASE_INDEX, [merge_index(known, row)])
    with dg.DagsterInstance.get() as instance:
        register_releases(instance, [key])
    click.echo(f"Release {key} is registered; bring it in with: ouspark run --release {key}")


def _refuse_another_course(row: pl.DataFrame) -> None:
    """A release that is none of engineering would be registered and never brought in."""
    if row["course"].item() is None:
        message = (
            f"{row['title'].item()!r} names no B.E. examination: give the title as the results page"
            " has it, or leave --title out"
        )
        raise SiteError(message)


def _says_more(row: pl.DataFrame, index: pl.DataFrame) -> bool:
    """Whether it is new, or has a title where there was none; another title is a mistake."""
    known = index.filter(pl.col("release") == row["release"].item())
    if known.is_empty() or not row["title"].item():
        return known.is_empty()
    if before := known["title"].item():
        if before != row["title"].item():
            message = f"release {row['release'].item()} is known already, with the title {before!r}"
            raise SiteError(message)
        return False
    return True


def _session(row: dict[str, object]) -> str | None:
    if row["session_year"] is None:
        return None
    month = row["session_month"]
    return f"{row['session_year']}-{int(str(month)):02d}" if month else str(row["session_year"])
