"""Timeouts and retries for starting, reaching and stopping the embedded servers.

The limits depend on each other: a client waits longer than a server may take to start, and a new
supervisor waits longer than the servers of the previous one may take to stop.
"""

# The slowest first start seen: a slow disk, and a crash to recover from. Covers the wait for an
# orphan (40 s) and for readiness (90 s).
REQUEST_TIMEOUT = 180.0
# Every request that starts nothing.
STATUS_TIMEOUT = 10.0
# Supervisors that a client starts in vain before it gives up.
MAX_SUPERVISOR_STARTS = 5

READY_TIMEOUT = 90.0
# A server of a dead supervisor gets its signal, and this time to end.
ORPHAN_TIMEOUT = 40.0
POLL_INTERVAL = 0.02
# TCP servers are started again when another process took the port after it was chosen.
MAX_PORT_ATTEMPTS = 3
# A server that ran for this long before it crashed gets all its restarts again.
STABLE_SECONDS = 10.0
MAX_QUICK_CRASHES = 3

# Longer than any server may take to stop (PostgreSQL 100 s, Valkey 120 s including SIGKILL).
STOP_TIMEOUT = 120.0
KILL_TIMEOUT = 60.0

# The supervisor checks this often whether it is still needed.
IDLE_CHECK_INTERVAL = 0.25
LOCK_POLL_INTERVAL = 0.01

# A process that could not restart a killed supervisor tries again, after twice the time each time.
RESTART_INTERVAL = 1.0
MAX_RESTART_INTERVAL = 60.0
# The supervisor starts a keeper at most this often.
KEEPER_INTERVAL = 2.0
