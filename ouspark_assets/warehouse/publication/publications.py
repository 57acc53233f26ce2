"""`ops.publications` and `ops.holds`: the publications of production, and the hold on publishing.

How rows are sent is `publish_transaction.py`, how earlier content is restored `rollback.py`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection, fetch_objects, fetch_value

CHECKSUM_BITS = 64
_COLUMNS = """
number, run_id, kind, source_id::text AS source_database, source_version, releases, tables,
father_names, checksum, seconds::float8 AS seconds, revision, restores, reversible, published_at
"""


class PublishingHeldError(WarehouseError):
    """Publishing is held until `ouspark publication resume`."""


@dataclass(frozen=True)
class TableState:
    """A published table: its rows, the changed rows, and the checksum of all rows."""

    rows: int
    changed: int
    checksum: int

    def as_json(self) -> dict[str, object]:
        """Return the entry for `ops.publications.tables`."""
        return {"rows": self.rows, "changed": self.changed, "checksum": self.shown_checksum}

    @property
    def shown_checksum(self) -> str:
        """The checksum as 16 hexadecimal digits."""
        return f"{self.checksum % (1 << CHECKSUM_BITS):016x}"

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "TableState":
        """Read an entry of `ops.publications.tables`."""
        unsigned = int(stored["checksum"], 16)
        signed = unsigned - (1 << CHECKSUM_BITS) * (unsigned >> (CHECKSUM_BITS - 1))
        return cls(int(stored["rows"]), int(stored["changed"]), signed)


@dataclass(frozen=True)
class Publication:
    """One numbered state of the production database."""

    number: int
    run_id: str
    kind: str
    source_database: str
    source_version: int
    releases: list[str]
    tables: Mapping[str, Any]
    father_names: bool
    checksum: str
    seconds: float
    revision: str
    restores: int | None = None
    # Whether the replaced rows are kept, so that production can be rolled back to before it.
    reversible: bool = False
    published_at: datetime | None = field(default=None, compare=False)

    @property
    def states(self) -> dict[str, TableState]:
        """The state of each table, by qualified name."""
        return {name: TableState.from_json(stored) for name, stored in self.tables.items()}

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(state.rows for state in self.states.values())

    @property
    def rows_changed(self) -> int:
        """Rows written or removed over all tables."""
        return sum(state.changed for state in self.states.values())


@dataclass(frozen=True)
class Hold:
    """A hold on publishing, which a rollback starts."""

    publication: int
    since: datetime

    def __str__(self) -> str:
        """Say since when and why publishing is held, and how to end it."""
        return (
            f"Publishing has been held since {self.since:%Y-%m-%d %H:%M} UTC by a rollback "
            f"(publication {self.publication}). Run `ouspark publication resume` to end the hold"
        )


def combined_checksum(states: Mapping[str, TableState]) -> str:
    """Return one checksum over all rows of all published tables."""
    lines = (f"{name} {state.rows} {state.checksum}\n" for name, state in sorted(states.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_publications(production: Connection, limit: int | None = None) -> list[Publication]:
    """Return the publications, newest first."""
    query = f"SELECT {_COLUMNS} FROM ops.publications ORDER BY number DESC LIMIT %s"
    return fetch_objects(production, Publication, query, (limit,))


def last_publication(production: Connection) -> Publication | None:
    """Return the newest publication; None before the first."""
    return next(iter(read_publications(production, limit=1)), None)


def insert_publication(production: Connection, publication: Publication) -> None:
    """Insert the row of a new publication."""
    production.execute(
        """
        INSERT INTO ops.publications (number, run_id, kind, source_id, source_version, releases,
               tables, father_names, checksum, seconds, revision, restores, reversible)
        VALUES (%(number)s, %(run_id)s, %(kind)s, %(source_database)s, %(source_version)s,
                %(releases)s, %(tables)s, %(father_names)s, %(checksum)s, %(seconds)s,
                %(revision)s, %(restores)s, %(reversible)s)
        """,
        {**vars(publication), "tables": Jsonb(publication.tables)},
    )


def update_source(production: Connection, same: Publication) -> None:
    """Record that a publication also matches a later state of development."""
    production.execute(
        """
        UPDATE ops.publications
           SET source_id = %(source_database)s, source_version = %(source_version)s,
               releases = %(releases)s, father_names = %(father_names)s
         WHERE number = %(number)s
        """,
        vars(same),
    )


def prune_history(production: Connection, last: int, keep: int) -> None:
    """Delete replaced rows that only a rollback by more than `keep` publications needs."""
    production.execute("DELETE FROM ops.publication_changes WHERE number <= %s", (last - keep,))
    production.execute(
        "UPDATE ops.publications SET reversible = false WHERE reversible AND number <= %s",
        (last - keep,),
    )


def record_generation(production: Connection, number: int, generation: str) -> None:
    """Record the cache generation that readers were switched to for a publication."""
    production.execute(
        "UPDATE ops.publications SET generation = %s"
        " WHERE number = %s AND generation IS DISTINCT FROM %s",
        (generation, number, generation),
    )


def last_generation(production: Connection) -> str | None:
    """Return the last generation that readers were switched to; None if none was recorded."""
    query = """
        SELECT generation FROM ops.publications WHERE generation IS NOT NULL
         ORDER BY number DESC LIMIT 1
    """
    name: str | None = fetch_value(production, query)
    return name


def current_hold(production: Connection) -> Hold | None:
    """Return the hold on publishing, if there is one."""
    query = """
        SELECT publication, since AT TIME ZONE 'UTC' AS since FROM ops.holds
         WHERE lifted_at IS NULL ORDER BY since DESC LIMIT 1
    """
    return next(iter(fetch_objects(production, Hold, query)), None)


def hold_publishing(production: Connection, publication: int) -> None:
    """Hold publishing until `lift_hold`."""
    production.execute("INSERT INTO ops.holds (publication) VALUES (%s)", (publication,))


def lift_hold(production: Connection) -> bool:
    """End the hold; return whether there was one."""
    lift = "UPDATE ops.holds SET lifted_at = now() WHERE lifted_at IS NULL"
    return production.execute(lift).rowcount > 0


def current_revision(production: Connection) -> str:
    """Return the migration revision of production."""
    revision: str | None = fetch_value(production, "SELECT version_num FROM ops.migrations")
    return revision or ""
