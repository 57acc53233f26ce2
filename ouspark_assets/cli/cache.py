"""`ouspark cache`: what readers are given, and whether it is what production says."""

from dataclasses import asdict
from typing import Any

import click

from ouspark_assets.cache.capacity import read_memory
from ouspark_assets.cache.documents import build_documents
from ouspark_assets.cache.generation import count_keys, current_generation, read_meta
from ouspark_assets.cache.prewarm import (
    generation_for,
    newest_publication,
    read_published,
    snapshot,
)
from ouspark_assets.cache.verification import CacheVerdict, verify_cache
from ouspark_assets.cli.by_hand import recorded_by_hand
from ouspark_assets.cli.output import show_json, show_table
from ouspark_assets.domain.errors import CacheError
from ouspark_assets.orchestration.assets.cache import bring_up_to_date
from ouspark_assets.orchestration.resources import CacheServer, Production
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.publication.publications import last_publication

MEGABYTE = 1_000_000


@click.group(invoke_without_command=True)
@click.pass_context
def cache(context: click.Context) -> None:
    """The prewarmed cache."""
    if context.invoked_subcommand is None:
        context.invoke(status)


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool = False) -> None:
    """Say which generation readers use, and if it is the newest."""
    seen = _seen()
    if as_json:
        show_json(seen)
        return
    if seen["generation"] is None:
        click.echo("There is no living generation; the next `ouspark run` builds one.")
        return
    show_table(
        f"Generation {seen['generation']}, built {seen['built_at']}",
        [{"documents": kind, "keys": n} for kind, n in seen["counts"].items()],
        right=("keys",),
    )
    click.echo(_standing(seen))
    if memory := seen["memory"]:
        limit = f" of {memory['most'] / MEGABYTE:,.0f} MB" if memory["most"] else ""
        click.echo(f"Memory of the server: {memory['used'] / MEGABYTE:,.1f} MB{limit}.")


@cache.command("verify")
@click.option("--every", type=click.IntRange(min=1), default=1, help="Compare one in so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_generation(*, every: int, as_json: bool) -> None:
    """Compare the cache with what production's tables make."""
    with (
        Production().connected("cache verify") as production,
        snapshot(production),
        CacheServer().client() as client,
    ):
        newest = newest_publication(production)
        name = current_generation(client)
        if name is None or not generation_for(newest).has_name(name):
            message = (
                f"The cache holds {name or 'nothing'}, not publication {newest.number}. "
                "The next `ouspark run` builds it."
            )
            raise CacheError(message)
        made = build_documents(read_published(production), load_settings().cache.cache_top)
        verdict = verify_cache(client, name, made, every)
    if as_json:
        show_json(asdict(verdict) | {"clean": verdict.is_clean})
    else:
        _show(verdict)
    if not verdict.is_clean:
        message = (
            f"Generation {name} is not what production says. "
            "`ouspark cache rebuild` builds it anew."
        )
        raise CacheError(message)


@cache.command("rebuild")
def rebuild_generation() -> None:
    """Build a generation anew, beside the living one."""
    with recorded_by_hand("cache.generation") as record:
        publication, built = bring_up_to_date(Production(), CacheServer(), rebuild=True)
        record.rows_written = record.rows_changed = built.keys
    click.echo(
        f"Cache generation {built.generation} of publication {publication.number}: "
        f"{built.keys} keys written."
    )


def _seen() -> dict[str, Any]:
    with Production().connected("cache status") as production:
        newest = last_publication(production)
    with CacheServer().client() as client:
        name = current_generation(client)
        meta = (read_meta(client, name) if name else None) or {}
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


def _standing(seen: dict[str, Any]) -> str:
    if not seen["complete"]:
        return "Keys are missing: the next `ouspark run` builds the generation anew."
    if not seen["current"]:
        return (
            f"Production is at publication {seen['newest_publication']} already: "
            "the next `ouspark run` follows."
        )
    return f"It is publication {seen['publication']}, the newest."


def _show(verdict: CacheVerdict) -> None:
    rows: list[dict[str, object]] = [
        {
            "documents": it.kind,
            "expected": it.documents,
            "compared": it.compared,
            "missing": it.missing,
            "differing": it.differing,
        }
        for it in verdict.kinds
    ]
    right = ("expected", "compared", "missing", "differing")
    show_table(f"Generation {verdict.generation}", rows, right=right)
    for kind in verdict.kinds:
        for name in kind.named:
            click.echo(f"{name}: not what production says")
    if verdict.superfluous:
        click.echo(f"{verdict.superfluous} keys that no document explains")
