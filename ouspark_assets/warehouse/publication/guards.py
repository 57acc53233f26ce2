"""Guards of production: the script of its roles, invented students, shrinking tables, errors.

Nothing here changes a row.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.warehouse.core.connection import (
    Connection,
    ConnectionLostError,
    first_line,
    roles_advice,
)
from ouspark_assets.warehouse.publication.publications import TableState

# A small aggregate may lose this many rows in normal operation. Tables of the clean schema may not:
# they hold facts, which are kept forever.
MAX_ROWS_IGNORED = 10
FACTS_PREFIX = "clean."
# Hundreds of backlogs are cleared on a good result day, and withheld results are released together.
MAY_SHRINK = frozenset({"analytics.backlogs", "clean.no_results"})
MAX_RELEASES_NAMED = 5
# For an operator: what happened, and what to do.
EXPLANATIONS: Mapping[type[psycopg.Error], tuple[str, str]] = {
    psycopg.errors.QueryCanceled: (
        "exceeded the time for one statement",
        "Raise OUSPARK_PUBLISH_TIMEOUT, or find out why the database is slow.",
    ),
    psycopg.errors.DiskFull: (
        "failed because the disk of a database is full",
        "Free some space, then run again.",
    ),
}
ROLES_SCRIPT = Path(__file__).with_name("roles.sql")


def roles_script() -> str:
    """Return the script that creates the roles, which only an administrator may run."""
    return ROLES_SCRIPT.read_text("utf-8")


def refuse_fictitious(releases: Sequence[str]) -> None:
    """Raise an error if there are releases whose students the stand-in has invented."""
    if not releases:
        return
    named = ", ".join(releases[:MAX_RELEASES_NAMED])
    others = len(releases) - MAX_RELEASES_NAMED
    more = f" and {others} more" if others > 0 else ""
    message = (
        f"Not published: the stand-in has invented the students of release {named}{more}, and "
        "OUSPARK_PROD_DSN names a production database. For real results, set OUSPARK_SITE_URL, and "
        "OUSPARK_DEV_DSN and OUSPARK_LAKE to empty places. For a trial, set "
        "OUSPARK_ALLOW_STANDIN=true."
    )
    raise WarehouseError(message)


def refuse_shrinking(
    before: Mapping[str, TableState], after: Mapping[str, TableState], max_share: float
) -> None:
    """Raise an error if a table would lose more than `max_share` of its rows."""
    shrunk = [
        f"{name} from {before[name].rows} to {state.rows} rows"
        for name, state in after.items()
        if name in before and _shrinks_too_much(name, before[name].rows, state.rows, max_share)
    ]
    if shrunk:
        message = (
            f"Not published: {', '.join(shrunk)} is a loss of more than {max_share:.0%}. If that "
            "is intended, run `ouspark publication publish --allow-shrink`."
        )
        raise WarehouseError(message)


def _shrinks_too_much(name: str, before: int, after: int, max_share: float) -> bool:
    lost = before - after
    if lost <= 0 or name in MAY_SHRINK:
        return False
    if after and lost <= MAX_ROWS_IGNORED and not name.startswith(FACTS_PREFIX):
        return False
    return lost > max_share * before


@contextmanager
def translate_errors(activity: str, production: Connection, **others: Connection) -> Iterator[None]:
    """Turn database errors that operators can act on into one line; bugs keep their traceback.

    `activity` starts the message, e.g. "Publishing"; `others` are connections named by their side.
    """
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        message = (
            f"{activity} is not allowed ({first_line(error)}). Nothing was changed. "
            f"{roles_advice(production.info.user)}"
        )
        raise WarehouseError(message) from error
    except tuple(EXPLANATIONS) as error:
        problem, advice = next(
            text for kind, text in EXPLANATIONS.items() if isinstance(error, kind)
        )
        message = f"{activity} {problem} ({first_line(error)}). Nothing was changed. {advice}"
        raise WarehouseError(message) from error
    except psycopg.OperationalError as error:
        connections = {"production": production, **others}
        broken = [name for name, connection in connections.items() if connection.broken]
        side = broken[0] if broken else "production"
        message = (
            f"{activity} was interrupted: the connection to the {side} database was lost "
            f"({first_line(error)}). Readers still see a complete publication. Run again when the "
            "database is reachable."
        )
        kind = ConnectionLostError if broken else WarehouseError
        raise kind(message) from error
