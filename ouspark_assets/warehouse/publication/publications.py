"""`ops.publications` and `ops.holds`: which publications there were, and what holds the next.

How rows get there is `publishing.py`, how they are brought back `rollback.py`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection

CHECKSUM_BITS = 64
_COLUMNS = """
number, run_id, kind, source_id::text AS source_database, source_version, releases, tables,
father_names, checksum, seconds::float8 AS seconds, revision, restores, reversible, published_at
"""


class PublishingHeldError(WarehouseError):
    """Publishing waits for `ouspark publication resume`."""


@dataclass(frozen=True)
class TableState:
    """A published table: its rows, how many this publication changed, the checksum over all."""

    rows: int
    changed: int
    checksum: int

    def as_json(self) -> dict[str, object]:
        """As it stands in `ops.publications.tables`."""
        return {"rows": self.rows, "changed": self.changed, "checksum": self.shown_checksum}

    @property
    def shown_checksum(self) -> str:
        """The checksum as people see it."""
        return f"{self.checksum % (1 << CHECKSUM_BITS):016x}"

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "TableState":
        """The other way round."""
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
    # Whether what it changed is kept, so that the publication before it can be brought back.
    reversible: bool = False
    published_at: datetime | None = field(default=None, compare=False)

    @property
    def states(self) -> dict[str, TableState]:
        """The tables by their qualified names."""
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
    """Publishing is held since a rollback."""

    publication: int
    since: datetime

    def __str__(self) -> str:
        """What it is and how it ends."""
        return (
            f"Publishing is held since {self.since:%Y-%m-%d %H:%M} UTC by the rollback that is "
            f"publication {self.publication}; `ouspark publication resume` lets it go on"
        )


def checksum_over(states: Mapping[str, TableState]) -> str:
    """One checksum of every row of every published table."""
    lines = (f"{name} {it.rows} {it.checksum}\n" for name, it in sorted(states.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def publications(production: Connection, most: int | None = None) -> list[Publication]:
    """The publications, newest first."""
    with production.cursor(row_factory=class_row(Publication)) as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM ops.publications ORDER BY number DESC LIMIT %s", (most,)
        )
        return cursor.fetchall()


def last_publication(production: Connection) -> Publication | None:
    """The newest publication, if there is one."""
    newest = publications(production, most=1)
    return newest[0] if newest else None


def record(production: Connection, publication: Publication) -> None:
    """Write the row of a new publication."""
    production.execute(
        """
        INSERT INTO ops.publications (number, run_id, kind, source_id, source_version, releases,
               tables, father_names, checksum, seconds, revision, restores, reversible)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            publication.number,
            publication.run_id,
            publication.kind,
            publication.source_database,
            publication.source_version,
            publication.releases,
            Jsonb(publication.tables),
            publication.father_names,
            publication.checksum,
            publication.seconds,
            publication.revision,
            publication.restores,
            publication.reversible,
        ),
    )


def move_source(production: Connection, same: Publication) -> None:
    """A publication holds a later state of development too: nothing differed."""
    production.execute(
        """
        UPDATE ops.publications
           SET source_id = %s, source_version = %s, releases = %s, father_names = %s
         WHERE number = %s
        """,
        (
            same.source_database,
            same.source_version,
            same.releases,
            same.father_names,
            same.number,
        ),
    )


def forget_history(production: Connection, last: int, keep: int) -> None:
    """Drop what only publications further back than `keep` would need."""
    production.execute("DELETE FROM ops.publication_changes WHERE number <= %s", (last - keep,))
    production.execute(
        "UPDATE ops.publications SET reversible = false WHERE reversible AND number <= %s",
        (last - keep,),
    )


def current_hold(production: Connection) -> Hold | None:
    """What holds publishing, if anything does."""
    with production.cursor(row_factory=class_row(Hold)) as cursor:
        cursor.execute(
            """
            SELECT publication, since AT TIME ZONE 'UTC' AS since FROM ops.holds
             WHERE lifted_at IS NULL ORDER BY since DESC LIMIT 1
            """
        )
        return cursor.fetchone()


def hold_publishing(production: Connection, publication: int) -> None:
    """Nothing is published any more until `lift_hold`."""
    production.execute("INSERT INTO ops.holds (publication) VALUES (%s)", (publication,))


def lift_hold(production: Connection) -> bool:
    """Let publishing go on; says whether it was held."""
    return (
        production.execute(
            "UPDATE ops.holds SET lifted_at = now() WHERE lifted_at IS NULL"
        ).rowcount
        > 0
    )


def current_revision(production: Connection) -> str:
    """The revision of production's tables."""
    row = production.execute("SELECT version_num FROM ops.migrations").fetchone()
    return str(row[0]) if row else ""
