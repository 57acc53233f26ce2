"""Bringing back an earlier publication: a new, higher one with the old content.

Publishing is held from then on, so that the next run does not undo it, until `resume`.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from psycopg import sql

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection
from ouspark_assets.warehouse.core.frames import identifier
from ouspark_assets.warehouse.core.statements import create_staging
from ouspark_assets.warehouse.publication.changes import (
    Change,
    History,
    apply_staged,
    count_and_checksum,
    drop,
    remove_listed,
    remove_unlisted,
    stage,
)
from ouspark_assets.warehouse.publication.guards import clear_errors
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    TableState,
    checksum_over,
    current_hold,
    current_revision,
    forget_history,
    hold_publishing,
    publications,
    record,
)
from ouspark_assets.warehouse.publication.publish import USUAL_TERMS, Terms, at_work

# What a table's rows were at a publication: the earliest change after it says it.
_EARLIEST = """
CREATE TEMPORARY TABLE {earliest} ON COMMIT DROP AS
SELECT DISTINCT ON (key) key, old_row FROM ops.publication_changes
 WHERE table_name = {name} AND number > {wanted} AND number < {emptied} AND key IS NOT NULL
 ORDER BY key, number
"""
_NEVER = 2**62


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did."""

    publication: Publication
    changes: Mapping[str, Change]
    # Tables that are not what they were at that publication: someone changed rows by hand.
    differing: tuple[str, ...]


def roll_back(
    production: Connection,
    tables: Sequence[Table],
    number: int,
    run_id: str,
    terms: Terms = USUAL_TERMS,
) -> RolledBack:
    """Bring back the content of a publication, and hold publishing."""
    started = time.monotonic()
    with clear_errors("The rollback", production=production), at_work(production, terms):
        wanted, last = _wanted(production, number)
        history = History(last.number + 1, kept=terms.keep > 0)
        changes, states = {}, {}
        for table in tables:
            name = table.qualified_name
            changes[name] = _bring_back(production, table, number, history)
            rows, checksum = count_and_checksum(production, table)
            states[name] = TableState(rows, changes[name].rows, checksum)
        publication = replace(
            wanted,
            number=history.number,
            run_id=run_id,
            kind="rollback",
            tables={name: state.as_json() for name, state in states.items()},
            checksum=checksum_over(states),
            seconds=time.monotonic() - started,
            restores=wanted.restores or wanted.number,
            reversible=history.kept,
        )
        record(production, publication)
        forget_history(production, publication.number, terms.keep)
        if current_hold(production) is None:
            hold_publishing(production, publication.number)
    return RolledBack(publication, changes, _differing(wanted, states))


def reachable(newest_first: Sequence[Publication], revision: str) -> set[int]:
    """The publications that can be brought back."""
    found: set[int] = set()
    for newer, older in pairwise(newest_first):
        if not newer.reversible or older.revision != revision:
            break
        found.add(older.number)
    return found


def _wanted(production: Connection, number: int) -> tuple[Publication, Publication]:
    known = publications(production)
    if not known:
        message = "There is no publication yet; `ouspark run` makes the first."
        raise WarehouseError(message)
    if number == known[0].number:
        message = f"Publication {number} is the present one; there is nothing to bring back."
        raise WarehouseError(message)
    possible = reachable(known, current_revision(production))
    if number not in possible:
        numbers = ", ".join(map(str, sorted(possible))) or "none"
        message = (
            f"Publication {number} can't be brought back; those that can: {numbers}. "
            "OUSPARK_PUBLISH_KEEP says how many are kept."
        )
        raise WarehouseError(message)
    return next(it for it in known if it.number == number), known[0]


def _bring_back(production: Connection, table: Table, wanted: int, history: History) -> Change:
    filled = _filled_at(production, table, wanted)
    earliest = sql.Identifier(f"earliest_{table.name}")
    production.execute(
        sql.SQL(_EARLIEST).format(
            earliest=earliest,
            name=sql.Literal(table.qualified_name),
            wanted=sql.Literal(wanted),
            emptied=sql.Literal(filled or _NEVER),
        )
    )
    staged = _staged_rows(production, table, earliest)
    if filled:
        removed = remove_unlisted(production, table, staged, history)
    else:
        listed = _listed_keys(production, table, earliest)
        removed = remove_listed(production, table, listed, history)
        drop(production, listed)
    change = removed + apply_staged(production, table, staged, history)
    drop(production, staged, earliest)
    return change


def _filled_at(production: Connection, table: Table, wanted: int) -> int | None:
    """The first publication after the wanted one that found the table empty."""
    row = production.execute(
        """
        SELECT min(number) FROM ops.publication_changes
         WHERE table_name = %s AND number > %s AND key IS NULL
        """,
        (table.qualified_name, wanted),
    ).fetchone()
    return int(str(row[0])) if row and row[0] is not None else None


def _staged_rows(production: Connection, table: Table, earliest: sql.Identifier) -> sql.Identifier:
    staged = stage(production, table)
    production.execute(
        sql.SQL(
            """
            INSERT INTO {staged} SELECT {columns}
              FROM {earliest}, jsonb_populate_record(NULL::{target}, old_row) AS old
             WHERE old_row IS NOT NULL
            """
        ).format(
            staged=staged,
            columns=_of("old", table.columns),
            earliest=earliest,
            target=identifier(table),
        )
    )
    production.execute(sql.SQL("ANALYZE {}").format(staged))
    return staged


def _listed_keys(production: Connection, table: Table, earliest: sql.Identifier) -> sql.Identifier:
    """Rows that came after the wanted publication."""
    listed = sql.Identifier(f"removed_{table.name}")
    production.execute(create_staging(table, listed, table.key))
    production.execute(
        sql.SQL(
            """
            INSERT INTO {listed} SELECT {columns}
              FROM {earliest}, jsonb_populate_record(NULL::{target}, key) AS old
             WHERE old_row IS NULL
            """
        ).format(
            listed=listed,
            columns=_of("old", table.key),
            earliest=earliest,
            target=identifier(table),
        )
    )
    production.execute(sql.SQL("ANALYZE {}").format(listed))
    return listed


def _of(alias: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)


def _differing(wanted: Publication, states: Mapping[str, TableState]) -> tuple[str, ...]:
    before = wanted.states
    return tuple(
        name
        for name, state in states.items()
        if name in before
        and (before[name].rows, before[name].checksum) != (state.rows, state.checksum)
    )
