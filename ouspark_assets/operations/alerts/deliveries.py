"""Delivering the messages in the alert store: the queue, the retry policy, the dispatcher.

The retry policy of every channel:

- A message that fails is retried after 30 s, then after twice as long each time, up to 15 min. If
  the receiver's `Retry-After` is longer, it applies instead (at most 1 h).
- A channel that is down (no connection, wrong key, rate limit, server error) postpones all its
  messages, so that each attempt tries only one. A message that is refused postpones only itself.
- The messages about one alert are delivered in order. Messages with fewer attempts go first: one
  that is always refused does not block the others.
- There is no limit of attempts and there are no dead letters: a message stays pending until it is
  deleted with its alert, 90 days after the alert ended.
- A sender leases a message while it sends it. The lease of a killed sender expires. A sender that
  is killed after sending and before recording it causes a second delivery with the same id.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

from ouspark_assets.operations.alerts.alert_store import AlertStore
from ouspark_assets.operations.alerts.channels import SEND_TIMEOUT, Channel, ChannelError
from ouspark_assets.operations.alerts.messages import Message

# All in seconds. A lease is longer than the slowest channel needs for a message.
LEASE_DURATION = 60.0
MIN_RETRY_DELAY = 30.0
MAX_RETRY_DELAY = 900.0
MAX_RETRY_AFTER = 3600.0

Clock = Callable[[], float]


@dataclass(frozen=True)
class Delivery:
    """A message that one sender has leased."""

    id: int
    lease: str
    channel: str
    message: Message
    # This attempt included.
    attempts: int


@dataclass(frozen=True)
class DeliveryResult:
    """How many messages were delivered, and one line for each channel that failed."""

    delivered: int
    problems: tuple[str, ...]


def deliver_due(
    store: AlertStore, channels: Mapping[str, Channel], seconds: float, clock: Clock = time.time
) -> DeliveryResult:
    """Send the messages that are due, through all channels at the same time.

    A channel that fails does not delay another. No message is started that might not end within
    `seconds`.
    """
    if not channels:
        return DeliveryResult(0, ())
    last_start = time.monotonic() + seconds - SEND_TIMEOUT

    def deliver_through(channel: Channel) -> tuple[int, str | None]:
        delivered, problem = 0, None
        while time.monotonic() < last_start and (
            delivery := claim_delivery(store, channel.name, clock())
        ):
            try:
                note = channel.send(delivery.message)
            except ChannelError as error:
                record_failure(store, delivery, error, clock())
                problem = str(error)
                if error.is_down:
                    break
            else:
                record_success(store, delivery, note, clock())
                delivered += 1
        return delivered, problem

    with ThreadPoolExecutor(len(channels)) as senders:
        results = list(senders.map(deliver_through, channels.values()))
    return DeliveryResult(
        delivered=sum(delivered for delivered, _ in results),
        problems=tuple(problem for _, problem in results if problem),
    )


def claim_delivery(store: AlertStore, channel: str, now: float) -> Delivery | None:
    """Lease the next message that is due for a channel; None when there is none."""
    with store.transaction() as connection:
        row = connection.execute(
            """
            SELECT id, message, attempts FROM deliveries AS delivery
             WHERE channel = ? AND delivered_at IS NULL AND due_at <= ?
               AND (claimed_until IS NULL OR claimed_until <= ?)
               AND NOT EXISTS (
                     SELECT 1 FROM deliveries AS earlier
                      WHERE earlier.alert = delivery.alert AND earlier.channel = delivery.channel
                        AND earlier.id < delivery.id AND earlier.delivered_at IS NULL)
             ORDER BY attempts, id LIMIT 1
            """,
            (channel, now, now),
        ).fetchone()
        if row is None:
            return None
        lease = uuid4().hex
        connection.execute(
            "UPDATE deliveries SET claimed_by = ?, claimed_until = ? WHERE id = ?",
            (lease, now + LEASE_DURATION, row["id"]),
        )
        message = Message.from_json(row["message"])
        return Delivery(row["id"], lease, channel, message, row["attempts"] + 1)


def record_success(store: AlertStore, delivery: Delivery, note: str | None, now: float) -> None:
    """Mark a message as delivered, even if another sender holds its lease by now."""
    with store.transaction() as connection:
        connection.execute(
            """
            UPDATE deliveries SET delivered_at = ?, attempts = ?, error = ?, claimed_by = NULL,
                   claimed_until = NULL
             WHERE id = ? AND delivered_at IS NULL
            """,
            (now, delivery.attempts, note, delivery.id),
        )


def record_failure(store: AlertStore, delivery: Delivery, error: ChannelError, now: float) -> None:
    """Schedule the retry of a message, and of its whole channel if that is down."""
    due_at = now + max(retry_delay(delivery.attempts), min(error.retry_after or 0, MAX_RETRY_AFTER))
    with store.transaction() as connection:
        connection.execute(
            """
            UPDATE deliveries SET due_at = ?, attempts = ?, error = ?, claimed_by = NULL,
                   claimed_until = NULL
             WHERE id = ? AND claimed_by = ? AND delivered_at IS NULL
            """,
            (due_at, delivery.attempts, str(error), delivery.id, delivery.lease),
        )
        if error.is_down:
            connection.execute(
                """
                UPDATE deliveries SET due_at = max(due_at, ?)
                 WHERE channel = ? AND delivered_at IS NULL
                """,
                (due_at, delivery.channel),
            )


def make_all_due(store: AlertStore, now: float) -> int:
    """Make every pending message due now; return how many there are."""
    with store.transaction() as connection:
        return connection.execute(
            "UPDATE deliveries SET due_at = min(due_at, ?) WHERE delivered_at IS NULL", (now,)
        ).rowcount


def retry_delay(attempts: int) -> float:
    """Return the seconds to wait after this number of failed attempts."""
    return float(min(MIN_RETRY_DELAY * 2 ** min(attempts - 1, 10), MAX_RETRY_DELAY))
