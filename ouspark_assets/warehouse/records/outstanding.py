"""What the development database says is still to come: results, and changes nobody has published.

Questions only; what follows from the answers is automation's business.
"""

from collections.abc import Sequence

from ouspark_assets.warehouse.core.connection import Connection


def releases_with_pending_results(connection: Connection, releases: Sequence[str]) -> list[str]:
    """Those of the releases in which a grade is to come later, withheld or blank."""
    rows = connection.execute(
        """
        SELECT asked.release FROM unnest(%s::text[]) AS asked (release)
         WHERE EXISTS (SELECT FROM clean.marks AS m
                        WHERE m.release = asked.release AND m.points IS NULL)
        """,
        (list(releases),),
    ).fetchall()
    return [str(release) for (release,) in rows]


def seconds_since_last_change(connection: Connection) -> float | None:
    """How long ago a table was changed last; None when none ever was."""
    row = connection.execute(
        "SELECT extract(epoch FROM now() - max(committed_at))::float8 FROM ops.versions"
    ).fetchone()
    return None if row is None or row[0] is None else float(str(row[0]))
