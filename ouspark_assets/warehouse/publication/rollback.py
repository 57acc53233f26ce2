"""Rollback: a new publication with the content of an earlier one.

A rollback holds publishing until `ouspark publication resume`, so that the next run does not undo
it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from psycopg import sql

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, fetch_value
from ouspark_assets.warehouse.core.frames import column_list, identifier
from ouspark_assets.warehouse.publication.changes import (
    ChangeLog,
    TableChange,
    apply_staged,
    count_and_checksum,
    create_stage,
    drop_tables,
    remove_rows,
)
from ouspark_assets.warehouse.publication.guards import translate_errors
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    TableState,
    combined_checksum,
    current_hold,
    current_revision,
    hold_publishing,
    insert_publication,
    prune_history,
    read_publications,
)
from ouspark_assets.warehouse.publication.publish_transaction import (
    DEFAULT_TERMS,
    Terms,
    publication_transaction,
)

# The rows of a table at a publication are those that the earliest change after it replaced.
_EARLIEST = """
CREATE TEMPORARY TABLE {earliest} ON COMMIT DROP AS
SELECT DISTINCT ON (key) key, old_row FROM ops.publication_changes
 WHERE table_name = {name} AND number > {wanted} AND number < {emptied} AND key IS NOT NULL
 ORDER BY key, number
"""
_STAGE = """
INSERT INTO {staged} SELECT {columns}
  FROM {earliest}, jsonb_populate_record(NULL::{target}, {source}) AS old
 WHERE old_row IS {condition}
"""
_FIRST_FILLED = """
SELECT min(number) FROM ops.publication_changes
 WHERE table_name = %s AND number > %s AND key IS NULL
"""
_NEVER = 2**62


@dataclass(frozen=True)
class RollbackResult:
    """The new publication, and the changes of each table."""

    publication: Publication
    changes: Mapping[str, TableChange]
    # Tables whose content differs from that publication, because rows were changed by hand.
    differing: tuple[str, ...]


def roll_back(
    production: Connection,
    tables: Sequence[Table],
    number: int,
    run_id: str,
    terms: Terms = DEFAULT_TERMS,
) -> RollbackResult:
    """Publish the content of an earlier publication again, and hold publishing."""
    started = time.monotonic()
    with (
        translate_errors("The rollback", production=production),
        publication_transaction(production, terms),
    ):
        wanted, last = find_rollback(production, number)
        log = ChangeLog(last.number + 1, is_kept=terms.keep > 0)
        changes, states = {}, {}
        for table in tables:
            name = table.qualified_name
            changes[name] = _restore_table(production, table, number, log)
            rows, checksum = count_and_checksum(production, table)
            states[name] = TableState(rows, changes[name].rows, checksum)
        publication = replace(
            wanted,
            number=log.number,
            run_id=run_id,
            kind="rollback",
            tables={name: state.as_json() for name, state in states.items()},
            checksum=combined_checksum(states),
            seconds=time.monotonic() - started,
            restores=wanted.restores or wanted.number,
            reversible=log.is_kept,
        )
        insert_publication(production, publication)
        prune_history(production, publication.number, terms.keep)
        if current_hold(production) is None:
            hold_publishing(production, publication.number)
    before = wanted.states
    differing = tuple(
        name
        for name, state in states.items()
        if name in before
        and (before[name].rows, before[name].checksum) != (state.rows, state.checksum)
    )
    return RollbackResult(publication, changes, differing)


def find_rollback(production: Connection, number: int) -> tuple[Publication, Publication]:
    """Return publication `number` and the newest one.

    Raises `UsageError` if production cannot be rolled back to that number.
    """
    known = read_publications(production)
    if not known:
        message = "There is no publication yet. Run `ouspark run` to make the first one."
        raise UsageError(message)
    if number == known[0].number:
        message = f"Publication {number} is the current one; there is nothing to roll back."
        raise UsageError(message)
    possible = restorable_publications(known, current_revision(production))
    if number not in possible:
        numbers = ", ".join(map(str, sorted(possible))) or "none"
        message = (
            f"Cannot roll back to publication {number}. Possible publications: {numbers}. "
            "OUSPARK_PUBLISH_KEEP sets how many are kept."
        )
        raise UsageError(message)
    return next(one for one in known if one.number == number), known[0]


def restorable_publications(newest_first: Sequence[Publication], revision: str) -> set[int]:
    """Return the numbers of the publications to which production can be rolled back."""
    numbers: set[int] = set()
    for newer, older in pairwise(newest_first):
        if not newer.reversible or older.revision != revision:
            break
        numbers.add(older.number)
    return numbers


def _restore_table(
    production: Connection, table: Table, wanted: int, log: ChangeLog
) -> TableChange:
    # The first publication after `wanted` that found the table empty.
    filled: int | None = fetch_value(production, _FIRST_FILLED, (table.qualified_name, wanted))
    earliest = sql.Identifier(f"earliest_{table.name}")
    production.execute(
        sql.SQL(_EARLIEST).format(
            earliest=earliest,
            name=sql.Literal(table.qualified_name),
            wanted=sql.Literal(wanted),
            emptied=sql.Literal(filled or _NEVER),
        )
    )
    staged = _stage(production, table, earliest)
    if filled:
        removed = remove_rows(production, table, staged, log, listed=False)
    else:
        listed = _stage(production, table, earliest, added=True)
        removed = remove_rows(production, table, listed, log, listed=True)
        drop_tables(production, listed)
    change = removed + apply_staged(production, table, staged, log)
    drop_tables(production, staged, earliest)
    return change


def _stage(
    production: Connection, table: Table, earliest: sql.Identifier, *, added: bool = False
) -> sql.Identifier:
    """Stage the rows that were replaced, or the keys of those that were added."""
    staged = create_stage(production, table, only_keys=added)
    production.execute(
        sql.SQL(_STAGE).format(
            staged=staged,
            columns=column_list(table.key if added else table.columns, "old"),
            earliest=earliest,
            target=identifier(table),
            source=sql.Identifier("key" if added else "old_row"),
            condition=sql.SQL("NULL" if added else "NOT NULL"),
        )
    )
    production.execute(sql.SQL("ANALYZE {}").format(staged))
    return staged
