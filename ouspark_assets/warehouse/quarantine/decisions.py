"""What people decide about quarantined records: corrections, discards, and the history of both.

Nothing is parsed here: a correction is applied at the next load of its release, by `pages/`.
"""

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection


@dataclass(frozen=True)
class Record:
    """A quarantined record as it stands."""

    id: int
    release: str
    hall_ticket: str
    table_name: str
    fingerprint: str
    reasons: list[str]
    raw: dict[str, Any]
    first_seen_at: datetime
    run_id: str
    status: str
    resolved_at: datetime | None


@dataclass(frozen=True)
class StoredCorrection:
    """New texts for some fields of a record, by hand."""

    release: str
    hall_ticket: str
    table_name: str
    fingerprint: str
    changes: dict[str, str]


@dataclass(frozen=True)
class Filters:
    """Which records are meant; what is None does not matter."""

    release: str | None = None
    table: str | None = None
    reason: str | None = None
    status: str | None = "open"


def records(connection: Connection, filters: Filters) -> list[Record]:
    """The quarantined records that fit, in order of their numbers."""
    query = """
        SELECT id, release, hall_ticket, table_name, fingerprint, reasons, raw, first_seen_at,
               run_id, status, resolved_at
          FROM clean.quarantine
         WHERE (%(release)s::text IS NULL OR release = %(release)s)
           AND (%(table)s::text IS NULL OR table_name = %(table)s)
           AND (%(status)s::text IS NULL OR status = %(status)s)
           AND (%(reason)s::text IS NULL
                OR EXISTS (SELECT FROM unnest(reasons) AS r
                            WHERE strpos(lower(r), lower(%(reason)s)) > 0))
         ORDER BY id
    """
    with connection.cursor(row_factory=class_row(Record)) as cursor:
        return cursor.execute(query, vars(filters)).fetchall()


def record(connection: Connection, number: int) -> Record:
    """One record by its number."""
    query = """
        SELECT id, release, hall_ticket, table_name, fingerprint, reasons, raw, first_seen_at,
               run_id, status, resolved_at
          FROM clean.quarantine WHERE id = %s
    """
    with connection.cursor(row_factory=class_row(Record)) as cursor:
        found = cursor.execute(query, (number,)).fetchone()
    if found is None:
        message = f"There is no quarantined record {number}; see `ouspark quarantine list`."
        raise WarehouseError(message)
    return found


def record_number(text: str) -> int:
    """The number of a record, from text."""
    if not text.isascii() or not text.isdigit():
        message = f"{text!r} is not the number of a quarantined record."
        raise WarehouseError(message)
    return int(text)


def correct(connection: Connection, wrong: Record, changes: Mapping[str, str]) -> None:
    """Keep a correction beside the raw input; what an earlier one said of other fields stays."""
    with connection.transaction():
        connection.execute(
            """
            INSERT INTO ops.corrections AS c
                   (release, hall_ticket, table_name, fingerprint, changes, made_by)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (release, hall_ticket, table_name, fingerprint) DO UPDATE
               SET changes = c.changes || EXCLUDED.changes, made_by = EXCLUDED.made_by,
                   made_at = now()
            """,
            (
                wrong.release,
                wrong.hall_ticket,
                wrong.table_name,
                wrong.fingerprint,
                Jsonb(dict(changes)),
                _whoever_this_is(),
            ),
        )
        decided(connection, wrong.id, "corrected", {"changes": dict(changes)})


def discard(connection: Connection, unwanted: Record, why: str) -> None:
    """Put an open record aside for good; it stays in the table, and is never opened again."""
    if unwanted.status == "discarded":
        return
    if unwanted.status != "open":
        message = f"Record {unwanted.id} is {unwanted.status} already."
        raise WarehouseError(message)
    with connection.transaction():
        connection.execute(
            "UPDATE clean.quarantine SET status = 'discarded', resolved_at = now() WHERE id = %s",
            (unwanted.id,),
        )
        decided(connection, unwanted.id, "discarded", {"why": why})


def decided(connection: Connection, number: int, decision: str, detail: Mapping[str, Any]) -> None:
    """Add to the history of a record."""
    connection.execute(
        "INSERT INTO ops.decisions (record, decision, detail, decided_by) VALUES (%s, %s, %s, %s)",
        (number, decision, Jsonb(dict(detail)), _whoever_this_is()),
    )


def history(connection: Connection, number: int) -> Sequence[tuple[object, ...]]:
    """The decisions about a record, oldest first: when, who, what, detail."""
    return connection.execute(
        """
        SELECT decided_at, decided_by, decision, detail FROM ops.decisions
         WHERE record = %s ORDER BY id
        """,
        (number,),
    ).fetchall()


def corrections(connection: Connection, release: str) -> list[StoredCorrection]:
    """Every correction by hand of a release's records."""
    query = """
        SELECT release, hall_ticket, table_name, fingerprint, changes
          FROM ops.corrections WHERE release = %s ORDER BY made_at
    """
    with connection.cursor(row_factory=class_row(StoredCorrection)) as cursor:
        return cursor.execute(query, (release,)).fetchall()


def _whoever_this_is() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in containers
        return "unknown"
