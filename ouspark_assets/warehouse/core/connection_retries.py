"""The retry policy for the databases: which failures to connect are repeated, how fast, how long.

Connections, and so all transactions, begin by these rules; what happens after that is not repeated
here.

- **Retried**: the server says that it cannot take the connection for the moment (it recovers from
  the crash of one backend, starts, stops, or all connections are in use), or nothing listens.
- **Backoff**: 0.1 s after the first failure, doubled up to 2 s, each with a jitter of a half.
- **Budget**: OUSPARK_DATABASE_WAIT seconds in total. A crashed backend costs the embedded server a
  second, and the failover of a managed server less than half a minute. Sensors do not wait: their
  next tick is the retry.
- **Never retried**: a wrong password, database, role or certificate; and statements, because the
  server may have executed them. A stage whose connection is lost is repeated as a whole
  (`orchestration/assets/recorded_stage.py`), which every stage is made for.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

FIRST_PAUSE = 0.1
MAX_PAUSE = 2.0
# libpq does not report the SQLSTATE of a refused connection, so that only the message is left.
TEMPORARY = (
    "in recovery mode",
    "starting up",
    "shutting down",
    "not accepting connections",
    "not yet accepting connections",
    "too many clients already",
    "too many connections for",
    "remaining connection slots are reserved",
    # Poolers: PgBouncer and the one of Supabase.
    "no more connections allowed",
    "max client connections reached",
    "terminating connection",
    "connection refused",
    "connection reset",
    "server closed the connection unexpectedly",
    # The socket of a server that is being restarted does not exist.
    "is the server running",
    "temporary failure in name resolution",
)
# With several hosts, one may be down while another one refuses the password.
PERMANENT = ("authentication failed", "does not exist", "no pg_hba.conf entry", "not permitted")
T = TypeVar("T")


def is_temporary(error: psycopg.Error) -> bool:
    """Return whether connecting again may succeed without anybody changing anything."""
    message = str(error).lower()
    return any(text in message for text in TEMPORARY) and not any(
        text in message for text in PERMANENT
    )


def retry_connecting(
    connect: Callable[[], T], seconds: float, notify: Callable[[psycopg.Error], None]
) -> T:
    """Call `connect` until it succeeds, fails permanently, or `seconds` have passed.

    `notify` is called once, with the first temporary error.
    """
    deadline, wait, is_first = time.monotonic() + seconds, FIRST_PAUSE, True
    while True:
        try:
            return connect()
        except psycopg.OperationalError as error:
            pause = wait * random.uniform(0.5, 1.0)  # noqa: S311
            if not is_temporary(error) or time.monotonic() + pause > deadline:
                raise
            if is_first:
                notify(error)
        time.sleep(pause)
        wait, is_first = min(MAX_PAUSE, 2 * wait), False
