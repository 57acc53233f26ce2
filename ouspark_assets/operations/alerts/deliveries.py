"""What waits to be delivered: claimed by one sender at a time, kept until it is delivered.

A claim ends by itself, so that a killed sender holds nothing up. Between sending and writing that
down lies a moment: who is killed in it leaves a message that is sent twice, with the same id.
"""

import sqlite3
from dataclasses import dataclass
from uuid import uuid4

from ouspark_assets.operations.alerts.messages import Message
from ouspark_assets.operations.alerts.outbox import Outbox

# Longer than the slowest channel takes for a message.
LEASE_SECONDS = 60.0
FIRST_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 900.0
_WAITING = """
  FROM deliveries AS it
 WHERE it.channel = ? AND it.delivered_at IS NULL
   AND (it.claimed_until IS NULL OR it.claimed_until <= ?)
   AND NOT EXISTS (SELECT 1 FROM deliveries AS earlier
                    WHERE earlier.alert = it.alert AND earlier.channel = it.channel
                      AND earlier.id < it.id AND earlier.delivered_at IS NULL)
"""


@dataclass(frozen=True)
class Delivery:
    """A message that is claimed by one sender."""

    id: int
    claim: str
    channel: str
    message: Message
    attempts: int


def claim(outbox: Outbox, channel: str, now: float) -> Delivery | None:
    """The next message that is due for a channel; of one alert always the oldest first.

    Those tried least come first, so that one that is never taken does not hold up the others.
    """
    with outbox.transaction() as connection:
        row = connection.execute(
            f"SELECT id, message, attempts {_WAITING} AND it.due_at <= ?"
            " ORDER BY attempts, id LIMIT 1",
            (channel, now, now),
        ).fetchone()
        if row is None:
            return None
        token = uuid4().hex
        connection.execute(
            "UPDATE deliveries SET claimed_by = ?, claimed_until = ? WHERE id = ?",
            (token, now + LEASE_SECONDS, row["id"]),
        )
        message = Message.from_json(row["message"])
        return Delivery(row["id"], token, channel, message, row["attempts"] + 1)


def delivered(outbox: Outbox, delivery: Delivery, now: float, note: str | None) -> None:
    """It arrived, whoever holds the claim by now."""
    with outbox.transaction() as connection:
        connection.execute(
            """
            UPDATE deliveries SET delivered_at = ?, attempts = ?, error = ?, claimed_by = NULL,
                   claimed_until = NULL
             WHERE id = ? AND delivered_at IS NULL
            """,
            (now, delivery.attempts, note, delivery.id),
        )


def not_delivered(
    outbox: Outbox,
    delivery: Delivery,
    now: float,
    error: str,
    *,
    is_down: bool,
    retry_after: float | None = None,
) -> None:
    """It did not arrive: try again later, and with the whole channel down later with all."""
    due = now + max(_backoff(delivery.attempts), retry_after or 0)
    with outbox.transaction() as connection:
        connection.execute(
            """
            UPDATE deliveries SET due_at = ?, attempts = ?, error = ?, claimed_by = NULL,
                   claimed_until = NULL
             WHERE id = ? AND claimed_by = ? AND delivered_at IS NULL
            """,
            (due, delivery.attempts, error, delivery.id, delivery.claim),
        )
        if is_down:
            connection.execute(
                """
                UPDATE deliveries SET due_at = max(due_at, ?)
                 WHERE channel = ? AND delivered_at IS NULL
                """,
                (due, delivery.channel),
            )


def all_due(outbox: Outbox, now: float) -> int:
    """Whoever is waiting for a retry is due now; how many are waiting."""
    with outbox.transaction() as connection:
        return connection.execute(
            "UPDATE deliveries SET due_at = min(due_at, ?) WHERE delivered_at IS NULL", (now,)
        ).rowcount


def waiting(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """What is not delivered yet, oldest first."""
    return connection.execute(
        """
        SELECT d.channel, d.event, d.attempts, d.due_at, d.error, a.rule, a.subject, a.headline
          FROM deliveries AS d JOIN alerts AS a ON a.id = d.alert
         WHERE d.delivered_at IS NULL ORDER BY d.id
        """
    ).fetchall()


def _backoff(attempts: int) -> float:
    return float(min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 10), LONGEST_RETRY_SECONDS))
