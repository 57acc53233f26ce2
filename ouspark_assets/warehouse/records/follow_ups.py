"""`ops.follow_ups`: a digest of the inputs of the last follow-up, so that an equal one is skipped.

A follow-up is everything from the clean tables to the cache. The caller adds other inputs (code,
settings) to the digest.
"""

from ouspark_assets.warehouse.core.connection import Connection, fetch_value


def inputs_digest(connection: Connection) -> str:
    """Return a digest of the tables that a follow-up reads: loads, quarantine, index."""
    digest: str = fetch_value(
        connection,
        """
        SELECT md5(concat_ws('|',
          (SELECT string_agg(concat(release, fingerprint, loaded_at), ',' ORDER BY release)
             FROM ops.loads),
          (SELECT concat_ws(':', count(*), count(*) FILTER (WHERE status = 'open'), max(id),
                            max(resolved_at)) FROM clean.quarantine),
          (SELECT max(version) FROM source.release_index)))
        """,
    )
    return digest


def store_digest(connection: Connection, digest: str) -> None:
    """Store the digest of a follow-up that has just succeeded."""
    with connection.transaction():
        connection.execute("DELETE FROM ops.follow_ups")
        connection.execute("INSERT INTO ops.follow_ups (digest) VALUES (%s)", (digest,))


def is_stored(connection: Connection, digest: str) -> bool:
    """Return whether the last follow-up had this digest."""
    query = "SELECT EXISTS (SELECT FROM ops.follow_ups WHERE digest = %s)"
    return fetch_value(connection, query, (digest,)) is True
