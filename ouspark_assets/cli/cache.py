"""`ouspark cache`: show, verify and rebuild the generation that readers are served."""

from dataclasses import asdict
from typing import Any

import click

from ouspark_assets.cache.capacity import read_memory
from ouspark_assets.cache.documents import build_documents
from ouspark_assets.cache.generation import count_keys, current_generation, read_meta
from ouspark_assets.cache.prewarm import (
    generation_for,
    newest_publication,
    prewarm_cache,
    read_published,
    snapshot,
)
from ouspark_assets.cache.verification import CacheVerdict, verify_cache
from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.cli.recorded_command import recorded_command
from ouspark_assets.domain.errors import CacheError
from ouspark_assets.orchestration.resources import CacheServer, Production
from ouspark_assets.settings import Settings, load_settings
from ouspark_assets.warehouse.publication.publications import last_publication

MEGABYTE = 1_000_000


def show_generation(*, as_json: bool) -> None:
    """Show which generation readers use, and whether it is the newest."""
    state = _generation_state()
    if as_json:
        show_json(state)
        return
    if state["generation"] is None:
        click.echo("There is no current generation; the next `ouspark run` builds one.")
        return
    show_table(
        f"Generation {state['generation']}, built {state['built_at']}",
        [{"documents": kind, "keys": count} for kind, count in state["counts"].items()],
        right=("keys",),
    )
    if not state["complete"]:
        click.echo("The generation lacks keys; the next `ouspark run` builds a new one.")
    elif not state["current"]:
        click.echo(
            f"The generation is outdated: production has publication "
            f"{state['newest_publication']}. The next `ouspark run` updates the cache."
        )
    else:
        click.echo(
            f"The generation is up to date: it has publication {state['publication']}, the newest."
        )
    if memory := state["memory"]:
        limit = f" of {memory['most'] / MEGABYTE:,.0f} MB" if memory["most"] else ""
        click.echo(f"Memory of the server: {memory['used'] / MEGABYTE:,.1f} MB{limit}.")


def verify_generation(*, every: int, as_json: bool) -> None:
    """Compare the cache with documents made from production's tables."""
    with (
        Production().connected("cache verify") as production,
        snapshot(production),
        CacheServer().client() as client,
    ):
        newest = newest_publication(production)
        name = current_generation(client)
        if name is None or not generation_for(newest).has_name(name):
            message = (
                f"The cache has {f'generation {name}' if name else 'no generation'}, not one of "
                f"publication {newest.number}. "
                "The next `ouspark run` builds it."
            )
            raise CacheError(message)
        expected = build_documents(read_published(production), load_settings().cache.cache_top)
        verdict = verify_cache(client, name, expected, every)
    if as_json:
        show_json(asdict(verdict) | {"clean": verdict.is_clean})
    else:
        _show_verdict(verdict)
    if not verdict.is_clean:
        message = (
            f"Generation {name} differs from production. `ouspark cache rebuild` builds a new one."
        )
        raise CacheError(message)


def rebuild_generation() -> None:
    """Build a new generation and make it current."""
    prewarm(load_settings(), rebuild=True)


def prewarm(settings: Settings, *, rebuild: bool = False) -> None:
    """Bring the cache up to date with production, as a recorded command."""
    with recorded_command("cache.generation") as record:
        publication, built = prewarm_cache(
            Production().connected,
            CacheServer().client,
            settings.cache,
            wait_seconds=settings.publication.publish_wait,
            rebuild=rebuild,
        )
        record.rows_written = record.rows_changed = built.keys
    click.echo(
        f"Cache generation {built.generation} of publication {publication.number}: "
        f"{built.keys} keys written."
    )


def _generation_state() -> dict[str, Any]:
    with Production().connected("cache status") as production:
        newest = last_publication(production)
    with CacheServer().client() as client:
        name = current_generation(client)
        meta = (read_meta(client, name) if name else None) or {}
        # The document that describes the generation is not counted in it.
        keys = count_keys(client, name) - 1 if name else 0
        memory = read_memory(client)
    return {
        "generation": name,
        "publication": meta.get("publication"),
        "newest_publication": newest.number if newest else None,
        "current": bool(name and newest and generation_for(newest).has_name(name)),
        "complete": bool(name) and keys == meta.get("keys"),
        "built_at": meta.get("built_at"),
        "keys": keys,
        "counts": meta.get("counts", {}),
        "memory": asdict(memory) if memory else None,
    }


def _show_verdict(verdict: CacheVerdict) -> None:
    rows: list[dict[str, object]] = [
        {
            "documents": kind.kind,
            "expected": kind.documents,
            "compared": kind.compared,
            "missing": kind.missing,
            "differing": kind.differing,
        }
        for kind in verdict.kinds
    ]
    right = ("expected", "compared", "missing", "differing")
    show_table(f"Generation {verdict.generation}", rows, right=right)
    for kind in verdict.kinds:
        for name in kind.named:
            click.echo(f"{name} differs from production.")
    if verdict.superfluous:
        click.echo(f"Keys that belong to no document: {verdict.superfluous}.")
