"""What is open, what was lately, and what waits for delivery: read for people, nothing changes."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from ouspark_assets.operations.alerts.deliveries import waiting
from ouspark_assets.operations.alerts.outbox import Outbox


@dataclass(frozen=True)
class AlertState:
    """An alert that is open, or was."""

    severity: str
    rule: str
    headline: str
    since: datetime
    ended: datetime | None
    is_news: bool
    told: tuple[str, ...]


@dataclass(frozen=True)
class Undelivered:
    """A message that waits."""

    channel: str
    event: str
    headline: str
    attempts: int
    due: datetime
    error: str | None


@dataclass(frozen=True)
class AlertOverview:
    """All of it."""

    open: tuple[AlertState, ...]
    recent: tuple[AlertState, ...]
    undelivered: tuple[Undelivered, ...]


def overview(outbox: Outbox, most_recent: int) -> AlertOverview:
    """What stands in the outbox; the latest of what is over first."""
    with outbox.transaction() as connection:
        states = [_state(row) for row in connection.execute(_ALERTS, (most_recent,))]
        undelivered = tuple(_undelivered(row) for row in waiting(connection))
    return AlertOverview(
        open=tuple(it for it in states if it.ended is None and not it.is_news),
        recent=tuple(it for it in states if it.ended is not None or it.is_news),
        undelivered=undelivered,
    )


_ALERTS = """
SELECT *, (SELECT group_concat(channel) FROM (
             SELECT DISTINCT channel FROM deliveries
              WHERE alert = alerts.id AND delivered_at IS NOT NULL
              ORDER BY channel)) AS told
  FROM (SELECT * FROM alerts WHERE ended_at IS NULL
        UNION ALL
        SELECT * FROM (SELECT * FROM alerts WHERE ended_at IS NOT NULL
                        ORDER BY ended_at DESC LIMIT ?)) AS alerts
"""


def _state(row: sqlite3.Row) -> AlertState:
    return AlertState(
        severity=row["severity"],
        rule=row["rule"],
        headline=row["headline"],
        since=_moment(row["since"]),
        ended=None if row["ended_at"] is None else _moment(row["ended_at"]),
        is_news=bool(row["is_news"]),
        told=tuple(row["told"].split(",")) if row["told"] else (),
    )


def _undelivered(row: sqlite3.Row) -> Undelivered:
    return Undelivered(
        channel=row["channel"],
        event=row["event"],
        headline=row["headline"],
        attempts=row["attempts"],
        due=_moment(row["due_at"]),
        error=row["error"],
    )


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
