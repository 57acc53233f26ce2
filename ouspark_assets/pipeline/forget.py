"""Forget a student: the steps that remove a hall ticket from every place that knows it.

The list of tickets that are never requested again comes first, then the lake, then everything that
is derived from it: whenever the command is killed, running it again completes the removal. Loading
and publishing in between is left to the caller.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from redis import Redis

from ouspark_assets.cache.student_removal import remove_student, save_without_removed
from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.schemas import PIPELINE_TABLES, PUBLISHED_TABLES
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.locks import Lock, exclusive_lock
from ouspark_assets.warehouse.records.loads import loaded_fingerprints
from ouspark_assets.warehouse.student_rows import (
    count_student_rows,
    delete_from_history,
    delete_in_development,
    delete_tombstones,
    vacuum_deleted_rows,
)

RUN_ID = "cli forget"

Connect = Callable[[str], AbstractContextManager[Connection]]
ConnectCache = Callable[[], AbstractContextManager[Redis]]


@dataclass
class ForgottenStudent:
    """How much of a student was removed from where."""

    answers: int = 0
    development: Mapping[str, int] = field(default_factory=dict)
    production: Mapping[str, int] = field(default_factory=dict)
    history: int = 0
    cached: int = 0
    # Whether the files of the cache server no longer have it either.
    cache_saved: bool = False


def count_development_rows(development: Connection, ticket: str) -> int:
    """Return how many rows of a student the development database has."""
    return sum(count_student_rows(development, PIPELINE_TABLES, ticket).values())


def count_published_rows(production: Connection, ticket: str) -> Mapping[str, int]:
    """Return how many rows of a student production has, for each table that has any."""
    return count_student_rows(production, PUBLISHED_TABLES, ticket)


def forget_at_source(
    development: Connection,
    archive: PageArchive,
    ticket: str,
    wait_seconds: float,
    tell: Callable[[str], None],
) -> ForgottenStudent:
    """Remove a student from the lake, while nothing scrapes, and then from development."""
    with exclusive_lock(development, Lock.SCRAPE, wait_seconds, "Forgetting", tell):
        answers = archive.forget(ticket)
    removed = delete_in_development(development, PIPELINE_TABLES, ticket, RUN_ID)
    return ForgottenStudent(answers, removed)


def find_releases_to_reload(development: Connection, archive: PageArchive) -> list[str]:
    """Return the loaded releases whose pages in the lake are not those that were loaded.

    They are loaded again so that their accounts of pages and rows add up.
    """
    return [
        release
        for release, fingerprint in loaded_fingerprints(development).items()
        if archive.fingerprint(release) != fingerprint
    ]


def forget_after_publication(
    connect_development: Connect,
    connect_production: Connect,
    connect_cache: ConnectCache,
    ticket: str,
    removed: ForgottenStudent,
) -> None:
    """Remove a student from the publication history, the tombstones and the cache.

    Also from the files of the servers, where deleted rows and documents remain otherwise. Adds to
    `removed` how many records of the history and documents of the cache named the student. Raises
    an error if the newest publication still has rows of the student.
    """
    with connect_production("forget") as production:
        if remaining := count_published_rows(production, ticket):
            message = f"Production still has rows of this student in {', '.join(remaining)}."
            raise OuSparkError(message)
        removed.history = delete_from_history(production, ticket)
        vacuum_deleted_rows(production, PUBLISHED_TABLES)
    with connect_development("forget") as development:
        delete_tombstones(development, ticket)
        vacuum_deleted_rows(development, PIPELINE_TABLES)
    with connect_cache() as client:
        removed.cached = remove_student(client, ticket)
        removed.cache_saved = save_without_removed(client)
