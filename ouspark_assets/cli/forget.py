"""`ouspark forget`: remove a student from lake, databases, history and cache, for good.

What is removed where, and in which order, is in `pipeline/forget.py`.
"""

from collections.abc import Iterator

import click

from ouspark_assets.cli.explain import check_ticket
from ouspark_assets.cli.graph_runs import open_graph
from ouspark_assets.cli.output import show_notice, show_table
from ouspark_assets.domain.errors import OuSparkError, UsageError
from ouspark_assets.orchestration.resources import CacheServer, Development, Lake, Production
from ouspark_assets.pipeline.forget import (
    ForgottenStudent,
    count_development_rows,
    count_published_rows,
    find_releases_to_reload,
    forget_after_publication,
    forget_at_source,
)
from ouspark_assets.settings import Settings, load_settings
from ouspark_assets.sources.results_site.object_store import S3_SCHEME


def forget_ticket(ticket: str, *, yes: bool) -> None:
    """Remove a student from every store, permanently."""
    check_ticket(ticket)
    if not yes:
        with Development().connected("forget") as connection:
            rows = count_development_rows(connection, ticket)
        question = (
            f"{ticket} has {rows} rows in development. Remove this student from lake, databases, "
            "history and cache? This cannot be undone."
        )
        if not click.confirm(question):
            message = f"Not confirmed: nothing was removed, and {ticket} stays as it is."
            raise UsageError(message)
    settings = load_settings()
    with Development().connected("forget") as connection:
        removed = forget_at_source(
            connection, Lake().archive(), ticket, settings.runs.run_wait, show_notice
        )
    try:
        _forget_downstream(ticket, removed, settings)
    except OuSparkError as error:
        message = (
            f"{ticket} was removed from the lake and the development database, but production and "
            f"the cache may still have it. {error} Correct this, then repeat "
            f"`ouspark forget {ticket}`."
        )
        raise OuSparkError(message) from error
    _show_removed(ticket, removed)


def _forget_downstream(ticket: str, removed: ForgottenStudent, settings: Settings) -> None:
    """Compute and publish again without the student, then clean the history and the cache."""
    with Production().connected("forget") as production:
        removed.production = count_published_rows(production, ticket)
    with open_graph(settings, "ouspark forget") as graph:
        with Development().connected("forget") as connection:
            releases = find_releases_to_reload(connection, Lake().archive())
        for release in releases:
            graph.reload(release)
        graph.follow_up()
    forget_after_publication(
        Development().connected, Production().connected, CacheServer().client, ticket, removed
    )


def _show_removed(ticket: str, removed: ForgottenStudent) -> None:
    rows = [row for row in _removed_rows(removed) if row["removed"]]
    if rows:
        show_table(f"{ticket} is forgotten", rows, right=("removed",))
    else:
        click.echo(f"Nothing was left of {ticket}; it stays forgotten.")
    click.echo("Traces may remain where this command does not reach:")
    for place in _remaining_places(removed):
        click.echo(f"- {place}")


def _remaining_places(removed: ForgottenStudent) -> Iterator[str]:
    yield "backups of the databases, the lake and the cache"
    yield (
        "the write-ahead log of both databases, until PostgreSQL reuses its files, and wherever it"
        " is archived or replicated"
    )
    if (lake := Lake().location).startswith(S3_SCHEME):
        yield f"earlier versions of objects in {lake}, if the bucket keeps versions"
    if not removed.cache_saved:
        yield "files of the cache server, which refused to save: have its operator save it"
    yield "files written by `ouspark report`"
    yield "logs of the results site"


def _removed_rows(removed: ForgottenStudent) -> Iterator[dict[str, object]]:
    yield {"where": "lake", "what": "answers of the site", "removed": removed.answers}
    for place, tables in (("development", removed.development), ("production", removed.production)):
        for name, count in tables.items():
            yield {"where": place, "what": name, "removed": count}
    yield {"where": "production", "what": "publication history", "removed": removed.history}
    yield {"where": "cache", "what": "documents that name the student", "removed": removed.cached}
