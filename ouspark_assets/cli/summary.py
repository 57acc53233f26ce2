"""What `ouspark run` says at the end: rows and seconds per stage, what readers have, what next."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from ouspark_assets.cli.graph_runs import GraphRun
from ouspark_assets.cli.output import show_table
from ouspark_assets.cli.standing import Standing
from ouspark_assets.orchestration.resources import Development


def show_summary(
    runs: Sequence[GraphRun], seconds: float | None = None, standing: Standing | None = None
) -> None:
    """A table of the stages, then publication and generation, then what to do next."""
    show_table(
        "Stages", _stages([run.run_id for run in runs]), right=("rows", "changed", "seconds")
    )
    for run in runs:
        for said in run.metadata.get("raw/result_pages", {}).get("notices", []):
            click.secho(said, fg="yellow")
    metadata = {name: values for run in runs for name, values in run.metadata.items()}
    if standing is not None:
        metadata["production/publication"] = {"publication": standing.publication}
        metadata["cache/generation"] = {"generation": standing.generation}
    click.echo(_publication(metadata.get("production/publication", {})))
    click.echo(_generation(metadata.get("cache/generation", {})))
    if seconds is not None:
        click.echo(f"Done in {seconds:.1f} s.")
    for line in _what_next():
        click.echo(line)


def _publication(said: Mapping[str, Any]) -> str:
    number = said.get("publication")
    if said.get("held"):
        return f"Publication {number} is held by a rollback; `ouspark publication resume` goes on."
    if not said.get("rows changed"):
        return f"Publication {number} stands: nothing changed."
    return f"Publication {number}: {said['rows changed']} rows changed."


def _generation(said: Mapping[str, Any]) -> str:
    name = said.get("generation")
    if not said.get("keys written"):
        return f"Cache generation {name} stands."
    return f"Cache generation {name}: {said['keys written']} keys written."


def _what_next() -> Iterator[str]:
    """What a person may want to do now, by the state of the tables."""
    with Development().connected("summary") as connection:
        row = connection.execute(
            """
            SELECT (SELECT count(*) FROM clean.quarantine WHERE status = 'open'),
                   count(*) FILTER (WHERE incomplete), count(*), min(hall_ticket)
              FROM analytics.student_cgpas
            """
        ).fetchone()
    quarantined, incomplete, students, ticket = row or (0, 0, 0, None)
    if quarantined:
        yield f"{quarantined} records are in quarantine: ouspark quarantine list"
    if incomplete:
        yield (
            f"{incomplete} of {students} students have history missing and are not ranked; "
            "older releases bring it in: ouspark run --all"
        )
    if students:
        yield f"One student's whole story: ouspark explain {_shown(ticket)}"
    yield "Everything to look at: make ui, then http://127.0.0.1:3000"


def _shown(ticket: object) -> str:
    """A hall ticket to try, for whoever sits before it; none in logs and mails."""
    return str(ticket) if sys.stdout.isatty() else "TICKET"


def _stages(run_ids: list[str]) -> list[dict[str, object]]:
    with Development().connected("summary") as connection:
        rows = connection.execute(
            """
            SELECT asset, count(release), sum(rows_in), sum(rows_written), sum(rows_changed),
                   sum(rows_quarantined), round(sum(extract(epoch FROM ended - started)), 2)
              FROM ops.stage_runs
             WHERE run_id = ANY(%s)
             GROUP BY asset
             ORDER BY min(id)
            """,
            (run_ids,),
        ).fetchall()
    return [
        {
            "stage": asset,
            "releases": releases or "",
            "read": read,
            "rows": written,
            "changed": changed,
            "quarantined": quarantined,
            "seconds": seconds,
        }
        for asset, releases, read, written, changed, quarantined, seconds in rows
    ]
