"""`ouspark forget`: a student removed from lake, databases, history and cache, for good.

The order is that of safety: first the list that keeps the ticket from being asked again, then the
lake, then what is made from it. Dying in between leaves nothing that running again does not end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click
import dagster as dg

from ouspark_assets.cache.student_removal import remove_student
from ouspark_assets.cli.explain import checked_ticket
from ouspark_assets.cli.graph_runs import Graph
from ouspark_assets.cli.output import show_notice, show_table
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.orchestration.build import build_definitions
from ouspark_assets.orchestration.resources import CacheServer, Development, Lake, Production
from ouspark_assets.pipeline.load import fingerprint_of
from ouspark_assets.schemas import PIPELINE_TABLES, PUBLISHED_TABLES
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.core.locks import Lock, alone
from ouspark_assets.warehouse.records.loads import loaded
from ouspark_assets.warehouse.student_rows import (
    count_rows,
    forget_in_development,
    forget_in_history,
    forget_tombstones,
)

RUN = "cli forget"


@dataclass
class Removed:
    """What was removed where."""

    answers: int = 0
    development: Mapping[str, int] = field(default_factory=dict)
    production: Mapping[str, int] = field(default_factory=dict)
    history: int = 0
    cached: int = 0

    def rows(self) -> Iterator[dict[str, object]]:
        """A line for each place that had something."""
        yield {"where": "lake", "what": "answers of the site", "removed": self.answers}
        for place, tables in (("development", self.development), ("production", self.production)):
            for name, count in tables.items():
                yield {"where": place, "what": name, "removed": count}
        yield {"where": "production", "what": "publication history", "removed": self.history}
        yield {"where": "cache", "what": "documents that name the student", "removed": self.cached}


@click.command()
@click.argument("ticket")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def forget(ticket: str, *, yes: bool) -> None:
    """Remove the student with this hall TICKET from everywhere, for good.

    Lake, quarantine, both databases, publication history and cache; the ticket is never asked
    for again. Statistics that counted the student are computed and published anew.
    """
    checked_ticket(ticket)
    if not yes:
        click.confirm(_question(ticket), abort=True)
    removed = Removed()
    _forget_at_the_source(ticket, removed)
    try:
        _forget_downstream(ticket, removed)
    except OuSparkError as error:
        message = (
            f"{ticket} is gone from lake and development, but production and cache may still have "
            f"it: {error} When that is mended, run `ouspark forget {ticket}` again."
        )
        raise OuSparkError(message) from error
    _show(ticket, removed)


def _question(ticket: str) -> str:
    with Development().connected("forget") as connection:
        rows = sum(count_rows(connection, PIPELINE_TABLES, ticket).values())
    return (
        f"{ticket} has {rows} rows in development. Remove this student from lake, databases, "
        "history and cache? This can't be undone."
    )


def _forget_at_the_source(ticket: str, removed: Removed) -> None:
    """The lake and the development database; nobody scrapes meanwhile."""
    archive = Lake().archive()
    with Development().connected("forget") as connection:
        with alone(
            connection, Lock.SCRAPE, load_settings().runs.run_wait, "Forgetting", show_notice
        ):
            removed.answers = archive.forget(ticket)
        removed.development = forget_in_development(connection, PIPELINE_TABLES, ticket, RUN)


def _forget_downstream(ticket: str, removed: Removed) -> None:
    """What follows from the rows that are gone: aggregates, production, its history, the cache."""
    with Production().connected("forget") as production:
        removed.production = count_rows(production, PUBLISHED_TABLES, ticket)
    with dg.DagsterInstance.get() as instance:
        graph = Graph(build_definitions(), instance)
        for release in _releases_to_load_again():
            graph.reload(release)
        graph.follow_up()
    with Production().connected("forget") as production:
        _refuse_left_over(count_rows(production, PUBLISHED_TABLES, ticket))
        removed.history = forget_in_history(production, ticket)
    with Development().connected("forget") as development:
        forget_tombstones(development, ticket)
    with CacheServer().client() as client:
        removed.cached = remove_student(client, ticket)


def _releases_to_load_again() -> Sequence[str]:
    """Releases whose pages in the lake are not those that were loaded, so that accounts add up."""
    archive = Lake().archive()
    with Development().connected("forget") as connection:
        known = loaded(connection)
    return [
        release
        for release, fingerprint in known.items()
        if fingerprint_of(archive, release) != fingerprint
    ]


def _refuse_left_over(left: Mapping[str, int]) -> None:
    if left:
        message = f"production still has rows of it ({', '.join(left)})."
        raise OuSparkError(message)


def _show(ticket: str, removed: Removed) -> None:
    rows = [row for row in removed.rows() if row["removed"]]
    if not rows:
        click.echo(f"Nothing of {ticket} was left anywhere; it stays forgotten.")
        return
    show_table(f"{ticket} is forgotten", rows, right=("removed",))
    click.echo("Files made by `ouspark report`, backups and logs of the site are not reached.")
