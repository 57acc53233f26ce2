"""Decisions of operators about quarantined records: corrections, discards, and their history.

A correction is only stored here; `pages/` applies it at the next load of its release.
"""

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection, fetch_objects


@dataclass(frozen=True)
class QuarantinedRecord:
    """A row of `clean.quarantine`."""

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


_COLUMNS = ", ".join(QuarantinedRecord.__dataclass_fields__)


@dataclass(frozen=True)
class StoredCorrection:
    """An operator's new texts for some fields of a record."""

    release: str
    hall_ticket: str
    table_name: str
    fingerprint: str
    changes: dict[str, str]


@dataclass(frozen=True)
class RecordFilter:
    """Which records to return; None matches everything."""

    release: str | None = None
    table: str | None = None
    reason: str | None = None
    status: str | None = "open"


def find_records(connection: Connection, record_filter: RecordFilter) -> list[QuarantinedRecord]:
    """Return the matching records by number."""
    query = f"""
        SELECT {_COLUMNS} FROM clean.quarantine
         WHERE (%(release)s::text IS NULL OR release = %(release)s)
           AND (%(table)s::text IS NULL OR table_name = %(table)s)
           AND (%(status)s::text IS NULL OR status = %(status)s)
           AND (%(reason)s::text IS NULL
                OR EXISTS (SELECT FROM unnest(reasons) AS r
                            WHERE strpos(lower(r), lower(%(reason)s)) > 0))
         ORDER BY id
    """
    return fetch_objects(connection, QuarantinedRecord, query, vars(record_filter))


def find_record(connection: Connection, number: int) -> QuarantinedRecord:
    """Return one record; raises a WarehouseError if there is none with this number."""
    query = f"SELECT {_COLUMNS} FROM clean.quarantine WHERE id = %s"
    found = fetch_objects(connection, QuarantinedRecord, query, (number,))
    if not found:
        message = f"There is no quarantined record {number}. See `ouspark quarantine list`."
        raise WarehouseError(message)
    return found[0]


def parse_record_number(text: str) -> int:
    """Return the number of a record from text; raises a WarehouseError if it is malformed."""
    if not text.isascii() or not text.isdigit():
        message = f"{text!r} is not the number of a quarantined record."
        raise WarehouseError(message)
    return int(text)


def correct_record(
    connection: Connection, wrong: QuarantinedRecord, changes: Mapping[str, str]
) -> None:
    """Store a correction; the raw input and earlier corrections of other fields are kept."""
    with connection.transaction():
        connection.execute(
            """
            INSERT INTO ops.corrections AS c
                   (release, hall_ticket, table_name, fingerprint, changes, made_by)
            VALUES (%(release)s, %(hall_ticket)s, %(table_name)s, %(fingerprint)s, %(changes)s,
                    %(made_by)s)
            ON CONFLICT (release, hall_ticket, table_name, fingerprint) DO UPDATE
               SET changes = c.changes || EXCLUDED.changes, made_by = EXCLUDED.made_by,
                   made_at = now()
            """,
            {**vars(wrong), "changes": Jsonb(dict(changes)), "made_by": _current_user()},
        )
        record_decision(connection, wrong.id, "corrected", {"changes": dict(changes)})


def discard_record(connection: Connection, unwanted: QuarantinedRecord, why: str) -> None:
    """Discard an open record permanently; it stays in the table and is never opened again."""
    if unwanted.status == "discarded":
        return
    if unwanted.status != "open":
        message = f"Record {unwanted.id} is already {unwanted.status}."
        raise WarehouseError(message)
    with connection.transaction():
        connection.execute(
            "UPDATE clean.quarantine SET status = 'discarded', resolved_at = now() WHERE id = %s",
            (unwanted.id,),
        )
        record_decision(connection, unwanted.id, "discarded", {"why": why})


def record_decision(
    connection: Connection, number: int, decision: str, detail: Mapping[str, Any]
) -> None:
    """Add a decision to the history of a record."""
    connection.execute(
        "INSERT INTO ops.decisions (record, decision, detail, decided_by) VALUES (%s, %s, %s, %s)",
        (number, decision, Jsonb(dict(detail)), _current_user()),
    )


def read_decisions(connection: Connection, number: int) -> Sequence[tuple[object, ...]]:
    """Return the decisions about a record, oldest first: time, user, decision, detail."""
    return connection.execute(
        """
        SELECT decided_at, decided_by, decision, detail FROM ops.decisions
         WHERE record = %s ORDER BY id
        """,
        (number,),
    ).fetchall()


def read_corrections(connection: Connection, release: str) -> list[StoredCorrection]:
    """Return all corrections of a release, oldest first."""
    query = """
        SELECT release, hall_ticket, table_name, fingerprint, changes
          FROM ops.corrections WHERE release = %s ORDER BY made_at
    """
    return fetch_objects(connection, StoredCorrection, query, (release,))


def _current_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the uid has no name, e.g. in a container
        return "unknown"
