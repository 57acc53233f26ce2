"""`ouspark publication`: what has been published, whether it still stands, and going back."""

from dataclasses import asdict

import click
import dagster as dg

from ouspark_assets.cli.by_hand import recorded_by_hand
from ouspark_assets.cli.graph_runs import Graph, succeeded
from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.orchestration.assets.cache import bring_up_to_date
from ouspark_assets.orchestration.assets.production import terms_of_settings
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION
from ouspark_assets.orchestration.resources import CacheServer, Development, Production
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    current_hold,
    current_revision,
    lift_hold,
    publications,
)
from ouspark_assets.warehouse.publication.roles import roles_script
from ouspark_assets.warehouse.publication.rollback import reachable, roll_back
from ouspark_assets.warehouse.publication.verification import TableVerdict, Verdict, verify

MOST_ROWS_NAMED = 20


@click.group(invoke_without_command=True)
@click.pass_context
def publication(context: click.Context) -> None:
    """The publications of the production database."""
    if context.invoked_subcommand is None:
        context.invoke(list_publications)


@publication.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--last", type=click.IntRange(1, 100_000), default=20, help="How many (default 20).")
def list_publications(*, as_json: bool = False, last: int = 20) -> None:
    """List the publications, newest first."""
    with Production().connected("publication list") as production:
        found, hold = publications(production, last), current_hold(production)
        possible = reachable(found, current_revision(production))
    if as_json:
        held = None if hold is None else {"publication": hold.publication, "since": hold.since}
        details = [asdict(it) for it in found]
        for it in details:
            it["can_be_brought_back"] = it["number"] in possible
        show_json({"held": held, "publications": details})
        return
    rows = [_listed(it, possible=it.number in possible) for it in found]
    right = ("publication", "releases", "rows", "changed", "seconds")
    show_table("Publications", rows, right=right)
    if hold is not None:
        click.echo(f"{hold}.")


@publication.command("publish")
@click.option("--full", is_flag=True, help="Compare every row; repairs changes made by hand.")
@click.option("--allow-shrink", is_flag=True, help="Publish even if a table loses many rows.")
def publish_now(*, full: bool, allow_shrink: bool) -> None:
    """Publish what the tables hold now, and prewarm the cache."""
    config = {"config": {"full": full, "allow_shrink": allow_shrink}}
    with dg.DagsterInstance.get() as instance:
        graph = Graph(build_definitions(), instance)
        run = succeeded(
            graph.materialize(
                [PUBLICATION, GENERATION], config={PUBLICATION.to_python_identifier(): config}
            )
        )
    done = run.metadata[PUBLICATION.to_user_string()]
    if "held" in done:
        raise WarehouseError(str(done["held"]))
    changed = done["rows changed"]
    what = f"{changed} rows changed" if changed else "stands, nothing differed"
    click.echo(f"Publication {done['publication']}: {what}.")


@publication.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_publication(*, as_json: bool) -> None:
    """Compare production with development.

    Row by row where the checksums of a table differ.
    """
    with (
        Development().connected("publication verify") as development,
        Production().connected("publication verify") as production,
    ):
        verdict = verify(development, production, PUBLISHED_TABLES)
    if as_json:
        show_json(asdict(verdict) | {"clean": verdict.is_clean})
    else:
        _show(verdict)
    if not verdict.is_clean:
        message = (
            f"Production differs from publication {verdict.publication}. "
            "`ouspark publication publish --full` repairs it."
        )
        raise WarehouseError(message)


@publication.command("rollback")
@click.argument("number", type=int)
def roll_back_to(number: int) -> None:
    """Bring back publication NUMBER, and hold publishing.

    Until `ouspark publication resume`, runs publish nothing.
    """
    with (
        recorded_by_hand("production.publication") as record,
        Production().connected("publication rollback") as production,
    ):
        done = roll_back(
            production, PUBLISHED_TABLES, number, "cli", terms_of_settings(Production().settings)
        )
        changed = record.rows_changed = done.publication.rows_changed
        record.rows_written = sum(state.rows for state in done.publication.states.values())
    click.echo(
        f"Publication {done.publication.number} brings back publication {number}: "
        f"{changed} rows changed. Publishing is held until `ouspark publication resume`."
    )
    if done.differing:
        click.echo(
            f"Not as they were then: {', '.join(done.differing)}; rows were changed by hand, or a "
            "student was forgotten. A full publication after `resume` repairs what was changed."
        )
    with recorded_by_hand("cache.generation") as record:
        _, built = bring_up_to_date(Production(), CacheServer())
        record.rows_written = record.rows_changed = built.keys
    click.echo(f"Cache generation {built.generation}: {built.keys} keys written.")


@publication.command("resume")
def resume() -> None:
    """Let publishing go on after a rollback."""
    with Production().connected("publication resume") as production:
        was_held = lift_hold(production)
    click.echo(
        "Publishing goes on: the next `ouspark run` brings production to the present state."
        if was_held
        else "Publishing was not held."
    )


@publication.command("roles")
def roles() -> None:
    """Print the script that makes the roles, for an administrator.

    A publishing and a reading role, each with the least privilege that will do.
    """
    click.echo(roles_script(), nl=False)


def _listed(it: Publication, *, possible: bool) -> dict[str, object]:
    return {
        "publication": it.number,
        "published": it.published_at and f"{it.published_at:%Y-%m-%d %H:%M:%S}",
        "kind": it.kind if it.restores is None else f"{it.kind} to {it.restores}",
        "releases": len(it.releases),
        "rows": sum(state.rows for state in it.states.values()),
        "changed": it.rows_changed,
        "seconds": round(it.seconds, 2),
        "checksum": it.checksum[:16],
        "run": it.run_id[:8],
        "can be brought back": "yes" if possible else "",
    }


def _show(verdict: Verdict) -> None:
    rows: list[dict[str, object]] = [
        {
            "table": it.name,
            "rows": it.rows,
            "in development": it.expected_rows,
            "checksum": it.checksum,
            "buckets that differ": it.differing_buckets,
            "not published yet": it.unpublished,
            "verdict": _words(it),
        }
        for it in verdict.tables
    ]
    right = ("rows", "in development", "buckets that differ", "not published yet")
    show_table(f"Publication {verdict.publication}", rows, right=right)
    for table in verdict.tables:
        for difference in table.differences[:MOST_ROWS_NAMED]:
            key = ", ".join(f"{name} {value}" for name, value in difference.key.items())
            click.echo(f"{table.name}: {key}: {difference.problem}")
        more = len(table.differences) - MOST_ROWS_NAMED
        if more > 0:
            click.echo(f"{table.name}: and {more} more rows")


def _words(table: TableVerdict) -> str:
    if table.differences:
        return f"{len(table.differences)} rows differ"
    return "as published" if table.recorded else "changed since it was published"
