"""The outbox on disk: `$OUSPARK_HOME/alerts.sqlite`, which outlives every database and process.

Here is the file alone: its tables and its transactions. What is open is `ledger.py`, what waits
for delivery `deliveries.py`.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ouspark_assets.domain.errors import AlertsError

FILE_NAME = "alerts.sqlite"
BUSY_SECONDS = 20
VERSION = 1

TABLES = """
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
class Outbox:
    """The file."""

    path: Path

    @classmethod
    def under(cls, home: Path) -> "Outbox":
        """The outbox of a home."""
        return cls(home / FILE_NAME)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, and nobody else meanwhile."""
        try:
            with closing(self._connection()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                _create_tables(connection, self.path)
                yield connection
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            message = (
                f"The outbox of alerts {self.path} can't be used: {error}. If it is damaged, move "
                "it away; what is still so is told again."
            )
            raise AlertsError(message) from None

    def _connection(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Nothing in it is secret, and yet it is nobody else's business.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            message = f"The outbox of alerts {self.path} can't be written: {error.strerror}."
            raise AlertsError(message) from None
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


def _create_tables(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        message = f"The outbox of alerts {path} is of a newer OuSpark; use that one."
        raise AlertsError(message)
    if version == 0:
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
