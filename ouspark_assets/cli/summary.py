"""The summary at the end of `ouspark run`: rows and seconds per stage, what readers see, hints."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
from psycopg.rows import dict_row

from ouspark_assets.cli.graph_runs import GraphRun
from ouspark_assets.cli.output import show_table
from ouspark_assets.orchestration.keys import GENERATION, PUBLICATION, RESULT_PAGES
from ouspark_assets.orchestration.resources import Development
from ouspark_assets.pipeline.up_to_date import ServedState
from ouspark_assets.schemas.source import RELEASE_INDEX
from ouspark_assets.sources.results_site.release_index import select_releases
from ouspark_assets.warehouse.core.frames import read_table
from ouspark_assets.warehouse.records.loads import loaded_fingerprints


def show_summary(
    runs: Sequence[GraphRun], seconds: float | None = None, served: ServedState | None = None
) -> None:
    """Print a table of the stages, then publication and generation, then what to do next.

    `served` is what readers see if the runs did not publish.
    """
    show_table(
        "Stages", _stage_rows([run.run_id for run in runs]), right=("rows", "changed", "seconds")
    )
    for run in runs:
        for notice in run.metadata.get(RESULT_PAGES.to_user_string(), {}).get("notices", []):
            click.secho(notice, fg="yellow")
    metadata = {asset: values for run in runs for asset, values in run.metadata.items()}
    if served is not None:
        metadata[PUBLICATION.to_user_string()] = {"publication": served.publication}
        metadata[GENERATION.to_user_string()] = {"generation": served.generation}
    click.echo(_publication_line(metadata.get(PUBLICATION.to_user_string(), {})))
    click.echo(_generation_line(metadata.get(GENERATION.to_user_string(), {})))
    if seconds is not None:
        click.echo(f"Done in {seconds:.1f} s.")
    for line in _hints():
        click.echo(line)


def _publication_line(metadata: Mapping[str, Any]) -> str:
    number = metadata.get("publication")
    if metadata.get("held"):
        return (
            f"Publication {number} is held by a rollback. "
            "`ouspark publication resume` lets publishing continue."
        )
    if not metadata.get("rows changed"):
        return f"Publication {number} is up to date: nothing changed."
    return f"Publication {number}: {metadata['rows changed']} rows changed."


def _generation_line(metadata: Mapping[str, Any]) -> str:
    name = metadata.get("generation")
    if not metadata.get("keys written"):
        return f"Cache generation {name} is up to date."
    return f"Cache generation {name}: {metadata['keys written']} keys written."


def _hints() -> Iterator[str]:
    """Yield what the operator may want to do next, depending on the tables."""
    with Development().connected("summary") as connection:
        row = connection.execute(
            """
            SELECT (SELECT count(*) FROM clean.quarantine WHERE status = 'open'),
                   count(*) FILTER (WHERE incomplete), count(*), min(hall_ticket)
              FROM analytics.student_cgpas
            """
        ).fetchone()
        index, loaded = read_table(connection, RELEASE_INDEX), loaded_fingerprints(connection)
    older = [release for release in select_releases(index, all_=True) if release not in loaded]
    quarantined, incomplete, students, ticket = row or (0, 0, 0, None)
    if quarantined:
        yield f"{quarantined} records are in quarantine. To list them: ouspark quarantine list"
    if incomplete:
        yield (
            f"{incomplete} of {students} students lack results of earlier semesters and are not "
            "ranked."
        ) + (" To bring in older releases: ouspark run --all" if older else "")
    if students:
        # A real hall ticket only on a terminal, so that none gets into logs and mails.
        example = ticket if sys.stdout.isatty() else "TICKET"
        yield f"To see how one student's results were computed: ouspark explain {example}"
    yield "To browse everything: make ui, then http://127.0.0.1:3000"


def _stage_rows(run_ids: list[str]) -> list[dict[str, Any]]:
    query = """
        SELECT asset AS stage, nullif(count(release), 0) AS releases, sum(rows_in) AS read,
               sum(rows_written) AS rows, sum(rows_changed) AS changed,
               sum(rows_quarantined) AS quarantined,
               round(sum(extract(epoch FROM ended - started)), 2) AS seconds
          FROM ops.stage_runs
         WHERE run_id = ANY(%s)
         GROUP BY asset
         ORDER BY min(id)
        """
    with Development().connected("summary") as connection:
        return connection.cursor(row_factory=dict_row).execute(query, (run_ids,)).fetchall()
