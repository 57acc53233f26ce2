"""`ouspark forget`: remove a student from lake, databases, history and cache, for good.

What is removed where, and in which order, is in `pipeline/forget.py`.
"""

from collections.abc import Iterator

import click
import dagster as dg

from ouspark_assets.cli.explain import check_ticket
from ouspark_assets.cli.graph_runs import Graph
from ouspark_assets.cli.output import show_notice, show_table
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.resources import CacheServer, Development, Lake, Production
from ouspark_assets.pipeline.forget import (
    ForgottenStudent,
    count_development_rows,
    count_published_rows,
    forget_after_publication,
    forget_at_source,
    releases_to_reload,
)
from ouspark_assets.settings import load_settings


def forget_ticket(ticket: str, *, yes: bool) -> None:
    """Remove the student with this hall TICKET from everywhere, for good.

    Removes the student from lake, quarantine, both databases, publication history and cache; the
    ticket is never requested again. Statistics that counted the student are computed and
    published again.
    """
    check_ticket(ticket)
    if not yes:
        with Development().connected("forget") as connection:
            rows = count_development_rows(connection, ticket)
        click.confirm(
            f"{ticket} has {rows} rows in development. Remove this student from lake, databases, "
            "history and cache? This can't be undone.",
            abort=True,
        )
    archive = Lake().archive()
    with Development().connected("forget") as connection:
        removed = forget_at_source(
            connection, archive, ticket, load_settings().runs.run_wait, show_notice
        )
    try:
        _forget_downstream(ticket, removed)
    except OuSparkError as error:
        message = (
            f"{ticket} was removed from lake and development, but production and cache may still "
            f"have it. {error} Correct this, then run `ouspark forget {ticket}` again."
        )
        raise OuSparkError(message) from error
    _show_removed(ticket, removed)


def _forget_downstream(ticket: str, removed: ForgottenStudent) -> None:
    """Compute and publish again without the student, then clear the history and the cache."""
    with Production().connected("forget") as production:
        removed.production = count_published_rows(production, ticket)
    with dg.DagsterInstance.get() as instance:
        graph = Graph(build_definitions(), instance)
        with Development().connected("forget") as connection:
            releases = releases_to_reload(connection, Lake().archive())
        for release in releases:
            graph.reload(release)
        graph.follow_up()
    removed.history, removed.cached = forget_after_publication(
        Development().connected, Production().connected, CacheServer().client, ticket
    )


def _show_removed(ticket: str, removed: ForgottenStudent) -> None:
    rows = [row for row in _removed_rows(removed) if row["removed"]]
    if not rows:
        click.echo(f"Nothing was left of {ticket}; it stays forgotten.")
        return
    show_table(f"{ticket} is forgotten", rows, right=("removed",))
    click.echo(
        "Files that `ouspark report` made, backups, and the logs of the results site are not "
        "changed."
    )


def _removed_rows(removed: ForgottenStudent) -> Iterator[dict[str, object]]:
    yield {"where": "lake", "what": "answers of the site", "removed": removed.answers}
    for place, tables in (("development", removed.development), ("production", removed.production)):
        for name, count in tables.items():
            yield {"where": place, "what": name, "removed": count}
    yield {"where": "production", "what": "publication history", "removed": removed.history}
    yield {"where": "cache", "what": "documents that name the student", "removed": removed.cached}
