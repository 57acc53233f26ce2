"""What stands between a mistake and production: a wrong database, a table that melts away.

Each guard is one function with one clear line; none of them changes a row.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import Connection, Side, first_line
from ouspark_assets.warehouse.publication.publications import TableState

TABLES_OF_THE_SIDE = {Side.DEVELOPMENT: "ops.identity", Side.PRODUCTION: "ops.publications"}
# Facts are kept for ever: not even a few of them may go unnoticed. An aggregate of a handful of
# rows may lose one of them in the course of things.
SCHEMA_OF_FACTS = "clean."
FEW_ROWS = 10
# Backlogs are there to be cleared: hundreds of them go on a good result day.
MEANT_TO_SHRINK = frozenset({"analytics.backlogs"})


def refuse_other_side(connection: Connection, side: Side) -> None:
    """Refuse a database that serves as the other side, however its address is spelled."""
    other = next(it for it in Side if it is not side)
    row = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", (TABLES_OF_THE_SIDE[other],)
    ).fetchone()
    if row is not None and row[0] is True:
        message = (
            f"The {side} database is a {other} database: both addresses lead to the same one, or "
            f"they were swapped. Give {side.variable} a database of its own."
        )
        raise WarehouseError(message)


def refuse_shrinking(
    before: Mapping[str, TableState], after: Mapping[str, TableState], most: float
) -> None:
    """Refuse a publication after which a table would have lost more than a share of its rows."""
    shrunk = [
        f"{name} from {before[name].rows} to {state.rows} rows"
        for name, state in after.items()
        if name in before and _melts(name, before[name].rows, state.rows, most)
    ]
    if shrunk:
        message = (
            f"Not published: {', '.join(shrunk)} is a loss of more than {most:.0%}. If that is "
            "meant, run `ouspark publication publish --allow-shrink`."
        )
        raise WarehouseError(message)


def _melts(name: str, before: int, after: int, most: float) -> bool:
    lost = before - after
    if lost <= 0 or name in MEANT_TO_SHRINK:
        return False
    if after and lost <= FEW_ROWS and not name.startswith(SCHEMA_OF_FACTS):
        return False
    return lost > most * before


@contextmanager
def clear_errors(doing: str, **connections: Connection) -> Iterator[None]:
    """What a server or the way to it does to us, as one line; faults of the program stay faults."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        message = (
            f"{doing} took too long for one statement ({first_line(error)}); nothing was changed. "
            "Raise OUSPARK_PUBLISH_TIMEOUT or find out what slows the database down."
        )
        raise WarehouseError(message) from error
    except psycopg.errors.InsufficientPrivilege as error:
        message = (
            f"{doing} is not allowed ({first_line(error)}); nothing was changed. An administrator "
            "runs what `ouspark publication roles` prints."
        )
        raise WarehouseError(message) from error
    except psycopg.errors.DiskFull as error:
        message = (
            f"{doing} found the disk of a database full ({first_line(error)}); nothing was "
            "changed. Make room there, then run again."
        )
        raise WarehouseError(message) from error
    except psycopg.OperationalError as error:
        gone = [name for name, connection in connections.items() if connection.broken]
        side = gone[0] if gone else next(iter(connections))
        message = (
            f"{doing} was cut short, the {side} database went away ({first_line(error)}). "
            "Readers still see a whole publication; run again when the database is back."
        )
        raise WarehouseError(message) from error
