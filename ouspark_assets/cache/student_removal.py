"""Removing a student from every generation: current, retired, or under construction.

Shared documents that name the student (class sheets, rankings) are removed as a whole. The next
run notices the missing keys and builds the generation again.
"""

from collections.abc import Iterator, Sequence

from redis import Redis

KEYS_PER_BATCH = 1000
STUDENT_KEY_PART = ":student:"


def remove_student(client: Redis, ticket: str) -> int:
    """Remove every document that names the student; return how many there were."""
    keys = sorted(_keys_with_ticket(client, ticket))
    for batch in _batches(keys):
        client.unlink(*batch)
    return len(keys)


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
