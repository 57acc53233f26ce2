"""The SQLite file of the alerts: `$OUSPARK_HOME/alerts.sqlite`, its tables and its overview.

It does not depend on any database server. Changing alerts is in `recording.py`, changing
deliveries in `deliveries.py`.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ouspark_assets.domain.errors import AlertsError

FILE_NAME = "alerts.sqlite"
BUSY_TIMEOUT = 20.0
SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE alerts (
  id          INTEGER PRIMARY KEY,
  uid         TEXT NOT NULL,
  rule        TEXT NOT NULL,
  topic       TEXT NOT NULL,
  subject     TEXT NOT NULL,
  severity    TEXT NOT NULL,
  headline    TEXT NOT NULL,
  details     TEXT NOT NULL,
  next_step   TEXT NOT NULL,
  run_id      TEXT,
  over        TEXT NOT NULL,
  is_news     INTEGER NOT NULL,
  since       REAL NOT NULL,
  opened_at   REAL NOT NULL,
  seen_at     REAL NOT NULL,
  quiet_since REAL,
  ended_at    REAL,
  reminders   INTEGER NOT NULL DEFAULT 0,
  told_at     REAL NOT NULL
);
CREATE UNIQUE INDEX one_open_alert ON alerts (rule, subject) WHERE ended_at IS NULL;
CREATE INDEX alerts_by_key ON alerts (rule, subject, ended_at);
CREATE TABLE deliveries (
  id            INTEGER PRIMARY KEY,
  alert         INTEGER NOT NULL REFERENCES alerts ON DELETE CASCADE,
  channel       TEXT NOT NULL,
  event         TEXT NOT NULL,
  number        INTEGER NOT NULL,
  message       TEXT NOT NULL,
  due_at        REAL NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  claimed_by    TEXT,
  claimed_until REAL,
  delivered_at  REAL,
  error         TEXT,
  UNIQUE (alert, channel, event, number)
);
CREATE INDEX deliveries_waiting ON deliveries (channel, id) WHERE delivered_at IS NULL;
"""


@dataclass(frozen=True)
class AlertState:
    """An open or a past alert."""

    severity: str
    rule: str
    headline: str
    since: datetime
    ended: datetime | None
    is_news: bool
    # The channels that delivered a message about it.
    told: tuple[str, ...]


@dataclass(frozen=True)
class PendingDelivery:
    """A message that is not delivered yet."""

    channel: str
    event: str
    headline: str
    attempts: int
    due: datetime
    error: str | None


@dataclass(frozen=True)
class AlertOverview:
    """Open alerts, recent alerts and news, and pending deliveries."""

    open: tuple[AlertState, ...]
    recent: tuple[AlertState, ...]
    undelivered: tuple[PendingDelivery, ...]


@dataclass(frozen=True)
class AlertStore:
    """The SQLite file."""

    path: Path

    @classmethod
    def in_home(cls, home: Path) -> "AlertStore":
        """Return the store of OuSpark's home folder."""
        return cls(home / FILE_NAME)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a connection with an exclusive write transaction for the block.

        The file and its tables are created when missing. Raises AlertsError when the file cannot
        be used.
        """
        try:
            with closing(self._connect()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                self._create_tables(connection)
                yield connection
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            message = (
                f"Cannot use the alert store {self.path}: {error}. If the file is damaged, move it "
                "away; alerts that are still open will be opened again."
            )
            raise AlertsError(message) from error

    def read_overview(self, max_ended: int) -> AlertOverview:
        """Return what is open and pending, and the `max_ended` alerts that ended last."""
        with self.transaction() as connection:
            alerts = [
                AlertState(
                    severity,
                    rule,
                    headline,
                    since=_to_time(since),
                    ended=None if ended is None else _to_time(ended),
                    is_news=bool(is_news),
                    told=tuple(told.split(",")) if told else (),
                )
                for severity, rule, headline, since, ended, is_news, told in connection.execute(
                    """
                    SELECT severity, rule, headline, since, ended_at, is_news,
                           (SELECT group_concat(channel) FROM (
                                 SELECT DISTINCT channel FROM deliveries
                                  WHERE alert = alerts.id AND delivered_at IS NOT NULL
                                  ORDER BY channel)) AS told
                      FROM (SELECT * FROM alerts WHERE ended_at IS NULL
                            UNION ALL
                            SELECT * FROM (SELECT * FROM alerts WHERE ended_at IS NOT NULL
                                            ORDER BY ended_at DESC LIMIT ?)) AS alerts
                    """,
                    (max_ended,),
                )
            ]
            pending = tuple(
                PendingDelivery(**{**row, "due": _to_time(row["due"])})
                for row in connection.execute(
                    """
                    SELECT channel, event, headline, attempts, due_at AS due, error
                      FROM deliveries JOIN alerts ON alerts.id = deliveries.alert
                     WHERE delivered_at IS NULL ORDER BY deliveries.id
                    """
                )
            )
        return AlertOverview(
            open=tuple(alert for alert in alerts if alert.ended is None and not alert.is_news),
            recent=tuple(alert for alert in alerts if alert.ended is not None or alert.is_news),
            undelivered=pending,
        )

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # SQLite would create the file readable for everybody.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            message = f"Cannot write the alert store {self.path}: {error.strerror}."
            raise AlertsError(message) from error
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _create_tables(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            message = (
                f"The alert store {self.path} was written by a newer version of OuSpark. Use that "
                "version."
            )
            raise AlertsError(message)
        if version == 0:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _to_time(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
