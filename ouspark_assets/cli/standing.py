"""Whether everything stands: nothing that a follow-up could change, in tables or for readers.

Then `ouspark run` spares it (10,000 students: 6.8 s with it, 2.9 to 4.2 s without). Any doubt
means that it is run: other code, other settings, a table written since, a publication held, a
cache that lost a key.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

from ouspark_assets.cache.generation import is_current
from ouspark_assets.cache.prewarm import generation_for
from ouspark_assets.orchestration.resources import CacheServer, Development, Production
from ouspark_assets.settings import PACKAGE_PARENT, load_settings
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    current_hold,
    last_publication,
)
from ouspark_assets.warehouse.publication.publish import current_source
from ouspark_assets.warehouse.records.follow_ups import inputs_digest, is_remembered, remember

CODE = ("*.py", "*.csv", "*.sql")
# No number depends on these groups of settings.
WITHOUT_EFFECT = {"logging"}


@dataclass(frozen=True)
class Standing:
    """What readers have, and what a follow-up would give them again."""

    publication: int
    generation: str


def what_it_would_be_computed_from() -> str:
    """A digest of everything that a follow-up started now depends on."""
    with Development().connected("what stands") as connection:
        return _digest(connection)


def has_followed_up(digest: str) -> None:
    """Remember that a follow-up computed from this has ended well."""
    with Development().connected("what stands") as connection:
        remember(connection, digest)


def everything_that_stands() -> Standing | None:
    """What stands; None when a follow-up might change anything."""
    with (
        Development().connected("what stands") as development,
        Production().connected("what stands") as production,
    ):
        publication = last_publication(production)
        if (
            publication is None
            or not is_remembered(development, _digest(development))
            or not _is_of_now(publication, development)
            or current_hold(production) is not None
        ):
            return None
    generation = generation_for(publication)
    with CacheServer().client() as client:
        return (
            Standing(publication.number, generation.name)
            if is_current(client, generation)
            else None
        )


def _is_of_now(publication: Publication, development: Connection) -> bool:
    source = current_source(development)
    return (publication.source_database, publication.source_version) == (
        source.database,
        source.version,
    )


def _digest(connection: Connection) -> str:
    settings = load_settings().model_dump_json(exclude=WITHOUT_EFFECT)
    parts = (inputs_digest(connection), _code_digest(), settings)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _code_digest() -> str:
    package = PACKAGE_PARENT / "ouspark_assets"
    digest = hashlib.sha256()
    for path in sorted(path for pattern in CODE for path in package.rglob(pattern)):
        digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
