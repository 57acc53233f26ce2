"""Removing a student from every generation and from the files that the server saves.

A generation may be current, retired, or under construction.

Shared documents that name the student (class sheets, rankings) are removed as a whole. The next
run notices the missing keys and builds the generation again.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

KEYS_PER_BATCH = 1000
MAX_SAVE_SECONDS = 120
SAVE_POLL_INTERVAL = 0.05
STUDENT_KEY_PART = ":student:"


def remove_student(client: Redis, ticket: str) -> int:
    """Remove every document that names the student; return how many there were."""
    keys = sorted(_keys_with_ticket(client, ticket))
    for batch in _batches(keys):
        client.unlink(*batch)
    return len(keys)


def save_without_removed(client: Redis) -> bool:
    """Have the server write its files anew; return False if it refuses or takes too long.

    Managed servers refuse: they save when their operator decides.
    """
    deadline = time.monotonic() + MAX_SAVE_SECONDS
    try:
        is_appending = bool(_persistence(client).get("aof_enabled"))
        for start in (client.bgrewriteaof, client.bgsave) if is_appending else (client.bgsave,):
            # A save that is running may have begun before the removal.
            if not _wait_until_saved(client, deadline):
                return False
            start()
        return _wait_until_saved(client, deadline)
    except ResponseError:
        return False


def _wait_until_saved(client: Redis, deadline: float) -> bool:
    running = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
    while any(map(_persistence(client).get, running)):
        if time.monotonic() > deadline:
            return False
        time.sleep(SAVE_POLL_INTERVAL)
    return True


def _persistence(client: Redis) -> dict[str, Any]:
    info: Any = client.info("persistence")
    return dict(info)


def _keys_with_ticket(client: Redis, ticket: str) -> Iterator[bytes]:
    keys = set(client.scan_iter(match="ouspark:*", count=KEYS_PER_BATCH))
    own = f"{STUDENT_KEY_PART}{ticket}".encode()
    yield from (key for key in keys if key.endswith(own))
    # Other students' documents name nobody but that student, so they are not read.
    shared = sorted(key for key in keys if STUDENT_KEY_PART.encode() not in key)
    for batch in _batches(shared):
        values = client.mget(batch)
        yield from (
            key
            for key, value in zip(batch, values, strict=True)
            if value and ticket.encode() in value
        )


def _batches(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), KEYS_PER_BATCH):
        yield keys[start : start + KEYS_PER_BATCH]
