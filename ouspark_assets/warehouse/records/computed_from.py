"""Whether computed tables are of the same state as their inputs, by `ops.computed_from`.

Two runs at once can load a release between the computing of one table and that of the next; then
nothing may be published before the rest is computed again. Reading and computing is elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.writing import Writer

MOST_NAMED = 3


@dataclass(frozen=True)
class Outdated:
    """A table that was computed before one of its inputs changed."""

    table: str
    input: str
    run_id: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.table} was computed before run {self.run_id[:8]} changed {self.input}"


def version_now(connection: Connection) -> int:
    """The version of the last change that is committed."""
    row = connection.execute("SELECT coalesce(max(version), 0) FROM ops.versions").fetchone()
    return int(str(row[0])) if row else 0


def seconds_since_last_change(connection: Connection) -> float | None:
    """How long ago a table was changed last; None when none ever was."""
    row = connection.execute(
        "SELECT extract(epoch FROM now() - max(committed_at))::float8 FROM ops.versions"
    ).fetchone()
    return None if row is None or row[0] is None else float(str(row[0]))


def remember_inputs(writer: Writer, table: Table, versions: Mapping[str, int]) -> None:
    """What a table that is being written was computed from."""
    writer.connection.execute(
        "DELETE FROM ops.computed_from WHERE table_name = %s", (table.qualified_name,)
    )
    writer.connection.execute(
        """
        INSERT INTO ops.computed_from (table_name, input, version)
        SELECT %s, input, version FROM unnest(%s::text[], %s::bigint[]) AS it (input, version)
        """,
        (table.qualified_name, list(versions), list(versions.values())),
    )


def outdated(connection: Connection, tables: Sequence[Table]) -> list[Outdated]:
    """Of these tables, those with an input that changed since they were computed."""
    rows = connection.execute(
        """
        SELECT DISTINCT ON (c.table_name) c.table_name, c.input, v.run_id
          FROM ops.computed_from c
          JOIN ops.versions v ON v.version > c.version AND c.input = ANY (v.tables)
         WHERE c.table_name = ANY (%s)
         ORDER BY c.table_name, v.version DESC
        """,
        ([table.qualified_name for table in tables],),
    ).fetchall()
    return [Outdated(*map(str, row)) for row in rows]


def refuse_outdated(development: Connection, tables: Sequence[Table]) -> None:
    """Refuse to publish tables that are not of one state."""
    found = outdated(development, tables)
    if found:
        named = "; ".join(map(str, found[:MOST_NAMED]))
        more = f"; and {len(found) - MOST_NAMED} more" if found[MOST_NAMED:] else ""
        message = (
            f"Not published: {named}{more}. Readers keep what they have; `ouspark run`, or the job "
            "follow_up, computes the rest and publishes it."
        )
        raise WarehouseError(message)
