"""`ops.computed_from` and `ops.versions`: the versions of the inputs of each computed table.

A concurrent run can load a release between the computation of two tables. Then nothing may be
published before the outdated table has been computed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, fetch_objects, fetch_value
from ouspark_assets.warehouse.core.frames import identifier
from ouspark_assets.warehouse.core.writing import Writer

MAX_TABLES_NAMED = 3


@dataclass(frozen=True)
class Outdated:
    """A table that was computed before one of its inputs changed."""

    table: str
    input: str
    run_id: str

    def __str__(self) -> str:
        """Say what changed the input."""
        return f"{self.table} was computed before run {self.run_id[:8]} changed {self.input}"


def content_version(connection: Connection, table: Table, release: str | None = None) -> str:
    """Return a text that stays the same for as long as no row of a table or release changes.

    A row that is added or changed has a higher version than every row before; after a removal
    there are fewer rows.
    """
    scope = sql.SQL("") if release is None else sql.SQL("WHERE release = %s")
    query = sql.SQL("SELECT concat_ws('/', coalesce(max(version), 0), count(*)) FROM {} {}")
    parameters = () if release is None else (release,)
    version: str = fetch_value(connection, query.format(identifier(table), scope), parameters)
    return version


def current_version(connection: Connection) -> int:
    """Return the version of the last committed change; 0 without any."""
    query = "SELECT coalesce(max(version), 0) FROM ops.versions"
    version: int = fetch_value(connection, query)
    return version


def seconds_since_last_change(connection: Connection) -> float | None:
    """Return the seconds since the last committed change; None without any."""
    query = "SELECT extract(epoch FROM now() - max(committed_at))::float8 FROM ops.versions"
    seconds: float | None = fetch_value(connection, query)
    return seconds


def store_inputs(writer: Writer, table: Table, versions: Mapping[str, int]) -> None:
    """Store the versions of the inputs from which a table has been computed."""
    writer.connection.execute(
        "DELETE FROM ops.computed_from WHERE table_name = %s", (table.qualified_name,)
    )
    writer.connection.execute(
        """
        INSERT INTO ops.computed_from (table_name, input, version)
        SELECT %s, input, version FROM unnest(%s::text[], %s::bigint[]) AS inputs (input, version)
        """,
        (table.qualified_name, list(versions), list(versions.values())),
    )


def find_outdated(connection: Connection, tables: Sequence[Table]) -> list[Outdated]:
    """Return the tables that have an input that changed after they were computed."""
    return fetch_objects(
        connection,
        Outdated,
        """
        SELECT DISTINCT ON (c.table_name) c.table_name AS table, c.input, v.run_id
          FROM ops.computed_from c
          JOIN ops.versions v ON v.version > c.version AND c.input = ANY (v.tables)
         WHERE c.table_name = ANY (%s)
         ORDER BY c.table_name, v.version DESC
        """,
        ([table.qualified_name for table in tables],),
    )


def refuse_outdated(development: Connection, tables: Sequence[Table]) -> None:
    """Raise an error if a table was computed before one of its inputs changed."""
    outdated = find_outdated(development, tables)
    if outdated:
        named = "; ".join(map(str, outdated[:MAX_TABLES_NAMED]))
        others = len(outdated) - MAX_TABLES_NAMED
        more = f"; and {others} more" if others > 0 else ""
        message = (
            f"Not published: {named}{more}. Readers keep the current publication. Run "
            "`ouspark run`, or the job follow_up, to compute these tables and publish them."
        )
        raise WarehouseError(message)
