"""What `ouspark run` says at the end: rows and seconds per stage, what readers have, what next."""

from collections.abc import Sequence

import click

from ouspark_assets.cli.graph_runs import GraphRun
from ouspark_assets.cli.output import show_table
from ouspark_assets.resources import Development


def show_summary(runs: Sequence[GraphRun], seconds: float | None = None) -> None:
    """A table of the stages, then publication and generation, then what to do next."""
    show_table(
        "Stages", _stages([run.run_id for run in runs]), right=("rows", "changed", "seconds")
    )
    metadata = {name: values for run in runs for name, values in run.metadata.items()}
    publication = metadata.get("production/publication", {})
    generation = metadata.get("cache/generation", {})
    click.echo(
        f"Publication {publication.get('publication')}: "
        f"{publication.get('rows changed', 0)} rows changed."
        if publication.get("rows changed")
        else f"Publication {publication.get('publication')} stands: nothing changed."
    )
    click.echo(
        f"Cache generation {generation.get('generation')}: "
        f"{generation.get('keys written', 0)} keys written."
        if generation.get("keys written")
        else f"Cache generation {generation.get('generation')} stands."
    )
    if seconds is not None:
        click.echo(f"Done in {seconds:.1f} s. Look at it: make ui, then http://127.0.0.1:3000")


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
