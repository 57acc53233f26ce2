"""`ops.follow_ups`: what the last follow-up was computed from, so that an equal one can be spared.

A follow-up is everything from the clean tables to the cache. What it depends on beside tables
(code, settings) is put into the digest by whoever runs it.
"""

from ouspark_assets.warehouse.core.connection import Connection


def inputs_digest(connection: Connection) -> str:
    """A digest of what a follow-up reads: loads, quarantine, index."""
    row = connection.execute(
        """
        SELECT md5(concat_ws('|',
          (SELECT string_agg(concat(release, fingerprint, loaded_at), ',' ORDER BY release)
             FROM ops.loads),
          (SELECT concat_ws(':', count(*), count(*) FILTER (WHERE status = 'open'), max(id),
                            max(resolved_at)) FROM clean.quarantine),
          (SELECT max(version) FROM source.release_index)))
        """
    ).fetchone()
    return str(row[0]) if row else ""


def remember(connection: Connection, digest: str) -> None:
    """Remember what a follow-up that has just ended well was computed from."""
    with connection.transaction():
        connection.execute("DELETE FROM ops.follow_ups")
        connection.execute("INSERT INTO ops.follow_ups (digest) VALUES (%s)", (digest,))


def is_remembered(connection: Connection, digest: str) -> bool:
    """Whether the last follow-up was computed from just this."""
    row = connection.execute("SELECT FROM ops.follow_ups WHERE digest = %s", (digest,)).fetchone()
    return row is not None
