"""Publishing: bring production to the state of development in one transaction.

Only changes since the version of the last publication are sent: changed rows by their version,
removed rows by their tombstones. Without changes there is no publication.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.table import Table
from ouspark_assets.settings import PublicationSettings
from ouspark_assets.warehouse.core.connection import Connection, Side, refuse_wrong_side
from ouspark_assets.warehouse.core.locks import Lock, acquire_within
from ouspark_assets.warehouse.publication.changes import ChangeLog, TableChange, count_and_checksum
from ouspark_assets.warehouse.publication.guards import (
    refuse_shrinking,
    translate_errors,
)
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    PublishingHeldError,
    TableState,
    combined_checksum,
    current_hold,
    current_revision,
    insert_publication,
    last_publication,
    prune_history,
    update_source,
)
from ouspark_assets.warehouse.publication.transfer import Transfer, replace_table, send_changes
from ouspark_assets.warehouse.records.computed_from import refuse_outdated

# The defaults of the settings, whatever the environment contains.
DEFAULTS = PublicationSettings.model_construct()
# The first version with the setting transaction_timeout.
TRANSACTION_TIMEOUT_VERSION = 170000


@dataclass(frozen=True)
class Terms:
    """On what terms a publication is made."""

    father_names: bool = DEFAULTS.publish_father_names
    # Compare every row instead of trusting versions; repairs what was changed by hand.
    full: bool = False
    allow_shrink: bool = False
    most_shrink: float = DEFAULTS.publish_most_shrink
    # Publications that can be brought back.
    keep: int = DEFAULTS.publish_keep
    statement_seconds: float = DEFAULTS.publish_timeout
    wait_seconds: float = DEFAULTS.publish_wait


DEFAULT_TERMS = Terms()


@dataclass(frozen=True)
class Source:
    """A state of a development database: its identity, its last version, its loaded releases."""

    database: str
    version: int
    releases: list[str]


@dataclass(frozen=True)
class Published:
    """A new publication, and the changes of each table."""

    publication: Publication
    sent: Mapping[str, TableChange]

    @property
    def rows_changed(self) -> int:
        """Rows written or removed over all tables."""
        return sum(change.rows for change in self.sent.values())


@dataclass(frozen=True)
class _State:
    """The last publication of production, and the state of development."""

    last: Publication | None
    source: Source
    revision: str
    same_tables: bool

    def is_incremental(self, terms: Terms) -> bool:
        """Return whether versions identify all changes since the last publication."""
        return (
            self.last is not None
            and not terms.full
            and self.same_tables
            and self.last.source_database == self.source.database
            and self.last.source_version <= self.source.version
            and self.last.father_names == terms.father_names
        )


def publish(
    development: Connection,
    production: Connection,
    tables: Sequence[Table],
    run_id: str,
    terms: Terms = DEFAULT_TERMS,
) -> Published | None:
    """Publish what changed; return None if production is already up to date."""
    started = time.monotonic()
    with (
        translate_errors("Publishing", production=production, development=development),
        development.transaction(),
        publication_transaction(production, terms),
    ):
        development.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        _refuse_while_held(production)
        current = _read_state(development, production, tables)
        if _is_current(current, terms):
            return None
        refuse_outdated(development, tables)
        log = _change_log(current.last, terms)
        transfer = Transfer(development, production, log)
        sent, states = _send(transfer, tables, terms, current)
        publication = _describe(current, terms, log, states, run_id)
        if (
            current.last is not None
            and current.same_tables
            and not any(change.rows for change in sent.values())
        ):
            update_source(production, replace(publication, number=current.last.number))
            return None
        if current.last is not None and not terms.allow_shrink:
            refuse_shrinking(current.last.states, states, terms.most_shrink)
        publication = replace(publication, seconds=time.monotonic() - started)
        insert_publication(production, publication)
        prune_history(production, publication.number, terms.keep)
    return Published(publication, sent)


def _describe(
    current: _State,
    terms: Terms,
    log: ChangeLog,
    states: Mapping[str, TableState],
    run_id: str,
) -> Publication:
    return Publication(
        number=log.number,
        run_id=run_id,
        kind="changes" if current.is_incremental(terms) else "full",
        source_database=current.source.database,
        source_version=current.source.version,
        releases=current.source.releases,
        tables={name: state.as_json() for name, state in states.items()},
        father_names=terms.father_names,
        checksum=combined_checksum(states),
        seconds=0,
        revision=current.revision,
        reversible=log.is_kept,
    )


@contextmanager
def publication_transaction(production: Connection, terms: Terms) -> Iterator[None]:
    """Open a durable transaction with the publication lock and its own timeouts."""
    milliseconds = f"{int(terms.statement_seconds * 1000)}ms"
    with production.transaction():
        production.execute("SET LOCAL synchronous_commit = on")
        # Managed servers cancel long statements and idle transactions after minutes.
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            production.execute("SELECT set_config(%s, %s, true)", (name, milliseconds))
        if production.info.server_version >= TRANSACTION_TIMEOUT_VERSION:
            production.execute("SET LOCAL transaction_timeout = 0")
        refuse_wrong_side(production, Side.PRODUCTION)
        acquire_within(production, Lock.PUBLISH, terms.wait_seconds, "Publishing")
        yield


def current_source(development: Connection) -> Source:
    """Return the state of the development database that this transaction sees."""
    row = development.execute(
        """
        SELECT (SELECT id::text FROM ops.identity),
               (SELECT coalesce(max(version), 0) FROM ops.versions),
               (SELECT coalesce(array_agg(release ORDER BY release), '{}') FROM ops.loads)
        """
    ).fetchone()
    if row is None or row[0] is None:
        message = (
            "The development database has no identity. Run `ouspark rebuild` on a new database."
        )
        raise WarehouseError(message)
    releases = row[2] if isinstance(row[2], list) else []
    return Source(str(row[0]), int(str(row[1])), releases)


def hidden_columns(table: Table, *, father_names: bool) -> tuple[str, ...]:
    """Return the columns of a table that are not published."""
    return () if father_names else table.private


def _refuse_while_held(production: Connection) -> None:
    if hold := current_hold(production):
        message = f"{hold}."
        raise PublishingHeldError(message)


def _read_state(development: Connection, production: Connection, tables: Sequence[Table]) -> _State:
    last, revision = last_publication(production), current_revision(production)
    names = {table.qualified_name for table in tables}
    same_tables = last is not None and last.revision == revision and set(last.tables) == names
    return _State(last, current_source(development), revision, same_tables)


def _is_current(current: _State, terms: Terms) -> bool:
    return (
        current.last is not None
        and current.is_incremental(terms)
        and current.last.source_version == current.source.version
    )


def _change_log(last: Publication | None, terms: Terms) -> ChangeLog:
    """Return the log of the next publication; the first one replaces nothing worth keeping."""
    number = 1 if last is None else last.number + 1
    return ChangeLog(number, is_kept=last is not None and terms.keep > 0)


def _send(
    transfer: Transfer, tables: Sequence[Table], terms: Terms, current: _State
) -> tuple[dict[str, TableChange], dict[str, TableState]]:
    hidden = {table: hidden_columns(table, father_names=terms.father_names) for table in tables}
    if current.last is not None and current.is_incremental(terms):
        return _send_since(transfer, hidden, current.last)
    sent, states = {}, {}
    for table in tables:
        change = replace_table(transfer, table, hidden[table])
        rows, checksum = count_and_checksum(transfer.production, table)
        sent[table.qualified_name] = change
        states[table.qualified_name] = TableState(rows, change.rows, checksum)
    return sent, states


def _send_since(
    transfer: Transfer, hidden: Mapping[Table, tuple[str, ...]], last: Publication
) -> tuple[dict[str, TableChange], dict[str, TableState]]:
    since, before = last.source_version, last.states
    changed = _changed_tables(transfer.development, since)
    sent = {
        table.qualified_name: send_changes(transfer, table, columns, since)
        if table.qualified_name in changed
        else TableChange()
        for table, columns in hidden.items()
    }
    return sent, {name: apply_change(before[name], change) for name, change in sent.items()}


def apply_change(before: TableState, change: TableChange) -> TableState:
    """Return the state of a table after a change, without reading its other rows."""
    return TableState(
        rows=before.rows + change.inserted - change.removed,
        changed=change.rows,
        checksum=before.checksum ^ change.checksum,
    )


def _changed_tables(development: Connection, since: int) -> set[str]:
    rows = development.execute(
        "SELECT DISTINCT unnest(tables) FROM ops.versions WHERE version > %s", (since,)
    ).fetchall()
    return {str(row[0]) for row in rows}
