"""Removing a student from the cache: every generation, living, retired or half built.

A document that names the student goes with the student's own: the next run builds anew whatever
the living generation lacks.
"""

from collections.abc import Iterator, Sequence

from redis import Redis

KEYS_PER_BATCH = 1000
OWN_DOCUMENTS = ":student:"


def forget_in_cache(client: Redis, ticket: str) -> int:
    """Remove the student's own documents and all that name the student; how many."""
    doomed = sorted(_naming(client, ticket))
    for batch in _batches(doomed):
        client.unlink(*batch)
    return len(doomed)


def _naming(client: Redis, ticket: str) -> Iterator[bytes]:
    keys = set(client.scan_iter(match="ouspark:*", count=KEYS_PER_BATCH))
    own = f"{OWN_DOCUMENTS}{ticket}".encode()
    yield from (key for key in keys if key.endswith(own))
    # Documents of other students name nobody else.
    shared = sorted(key for key in keys if OWN_DOCUMENTS.encode() not in key)
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
