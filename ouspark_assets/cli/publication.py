"""`ouspark publication`: list, publish, verify and roll back publications of production."""

from dataclasses import asdict

import click

from ouspark_assets.cli.cache import prewarm
from ouspark_assets.cli.graph_runs import open_graph, require_success
from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.cli.recorded_command import recorded_command
from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION
from ouspark_assets.orchestration.resources import Development, Production
from ouspark_assets.pipeline.publish import terms_from_settings
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    current_hold,
    current_revision,
    lift_hold,
    read_publications,
)
from ouspark_assets.warehouse.publication.rollback import (
    find_rollback,
    restorable_publications,
    roll_back,
)
from ouspark_assets.warehouse.publication.verification import (
    TableVerdict,
    VerificationResult,
    verify,
)

MAX_ROWS_NAMED = 20


def list_publications(*, as_json: bool, last: int) -> None:
    """List the publications, newest first."""
    with Production().connected("publication list") as production:
        found, hold = read_publications(production, last), current_hold(production)
        restorable = restorable_publications(found, current_revision(production))
    if as_json:
        held = None if hold is None else {"publication": hold.publication, "since": hold.since}
        details = [
            asdict(listed) | {"can_be_brought_back": listed.number in restorable}
            for listed in found
        ]
        show_json({"held": held, "publications": details})
        return
    rows = [_row(listed, can_restore=listed.number in restorable) for listed in found]
    right = ("publication", "releases", "rows", "changed", "seconds")
    show_table("Publications", rows, right=right)
    if hold is not None:
        click.echo(f"{hold}.")


def publish(*, full: bool, allow_shrink: bool) -> None:
    """Publish the present state of the tables, and prewarm the cache."""
    config = {"config": {"full": full, "allow_shrink": allow_shrink}}
    ops = {PUBLICATION.to_python_identifier(): config}
    with open_graph(load_settings(), "ouspark publication publish") as graph:
        run = require_success(graph.materialize([PUBLICATION, GENERATION], config=ops))
    metadata = run.metadata[PUBLICATION.to_user_string()]
    if "held" in metadata:
        raise WarehouseError(str(metadata["held"]))
    changed = metadata["rows changed"]
    result = f"{changed} rows changed" if changed else "up to date; no row changed"
    click.echo(f"Publication {metadata['publication']}: {result}.")


def verify_publication(*, as_json: bool) -> None:
    """Compare production with development."""
    with (
        Development().connected("publication verify") as development,
        Production().connected("publication verify") as production,
    ):
        verdict = verify(development, production, PUBLISHED_TABLES)
    if as_json:
        show_json(asdict(verdict) | {"clean": verdict.is_clean})
    else:
        _show_verdict(verdict)
    if not verdict.is_clean:
        message = (
            f"Production differs from publication {verdict.publication}. "
            "`ouspark publication publish --full` repairs it."
        )
        raise WarehouseError(message)


def roll_back_to(number: int) -> None:
    """Restore publication NUMBER, and hold publishing."""
    settings = load_settings()
    # Checked before the command is recorded: a wrong number is not a failed publication.
    with Production().connected("publication rollback") as production:
        find_rollback(production, number)
    with (
        recorded_command("production.publication") as record,
        Production().connected("publication rollback") as production,
    ):
        is_configured = settings.servers.prod_dsn is not None
        terms = terms_from_settings(settings.publication, is_configured=is_configured)
        rollback = roll_back(production, PUBLISHED_TABLES, number, "cli", terms)
        restored = rollback.publication
        record.rows_changed, record.rows_written = restored.rows_changed, restored.rows
    click.echo(
        f"Publication {restored.number} restores publication {number}: "
        f"{restored.rows_changed} rows changed. Publishing is held until "
        "`ouspark publication resume`."
    )
    if rollback.differing:
        click.echo(
            f"These tables differ from publication {number}: {', '.join(rollback.differing)}. "
            "Either rows were changed by hand, or a student was forgotten since. After `resume`, "
            "`ouspark publication publish --full` repairs rows that were changed by hand."
        )
    prewarm(settings)


def resume_publishing() -> None:
    """Allow publishing again after a rollback."""
    with Production().connected("publication resume") as production:
        was_held = lift_hold(production)
    click.echo(
        "Publishing is resumed: the next `ouspark run` brings production up to date."
        if was_held
        else "Publishing was not held."
    )


def _row(listed: Publication, *, can_restore: bool) -> dict[str, object]:
    return {
        "publication": listed.number,
        "published": listed.published_at and f"{listed.published_at:%Y-%m-%d %H:%M:%S}",
        "kind": listed.kind if listed.restores is None else f"{listed.kind} to {listed.restores}",
        "releases": len(listed.releases),
        "rows": listed.rows,
        "changed": listed.rows_changed,
        "seconds": round(listed.seconds, 2),
        "checksum": listed.checksum[:8],
        "run": listed.run_id[:8],
        "can be brought back": "yes" if can_restore else "",
    }


def _show_verdict(verdict: VerificationResult) -> None:
    rows: list[dict[str, object]] = [
        {
            "table": table.name,
            "rows": table.rows,
            "in development": table.expected_rows,
            "checksum": table.checksum,
            "buckets that differ": table.differing_buckets,
            "not published yet": table.unpublished,
            "verdict": _describe(table),
        }
        for table in verdict.tables
    ]
    right = ("rows", "in development", "buckets that differ", "not published yet")
    show_table(f"Publication {verdict.publication}", rows, right=right)
    for table in verdict.tables:
        for difference in table.differences[:MAX_ROWS_NAMED]:
            key = ", ".join(f"{name} {value}" for name, value in difference.key.items())
            click.echo(f"{table.name}: {key}: {difference.problem}")
        more = len(table.differences) - MAX_ROWS_NAMED
        if more > 0:
            click.echo(f"{table.name}: and {more} more rows")


def _describe(table: TableVerdict) -> str:
    if table.differences:
        return f"{len(table.differences)} rows differ"
    return "as published" if table.recorded else "changed since it was published"
