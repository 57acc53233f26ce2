"""Publishing: the production database brought to the state of development in one transaction.

What is sent is what changed since the version of the last publication: changed rows by their
version, removed rows by their tombstones. Nothing changed, nothing published.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.table import Table
from ouspark_assets.settings import PublicationSettings
from ouspark_assets.warehouse.core.connection import Connection, Side
from ouspark_assets.warehouse.core.locks import Lock, hold_within
from ouspark_assets.warehouse.publication.changes import Change, History, count_and_checksum
from ouspark_assets.warehouse.publication.guards import (
    clear_errors,
    refuse_other_side,
    refuse_shrinking,
)
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    PublishingHeldError,
    TableState,
    checksum_over,
    current_hold,
    current_revision,
    forget_history,
    last_publication,
    move_source,
    record,
)
from ouspark_assets.warehouse.publication.transfer import Passage, replace_table, send_changes
from ouspark_assets.warehouse.records.computed_from import refuse_outdated

FIRST_WITH_TRANSACTION_TIMEOUT = 170000
# The defaults of the settings, whatever the environment contains.
DEFAULTS = PublicationSettings.model_construct()


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


USUAL_TERMS = Terms()


@dataclass(frozen=True)
class Source:
    """A state of the development database: which one, and after which change."""

    database: str
    version: int
    releases: list[str]


@dataclass(frozen=True)
class Published:
    """What a publication did."""

    publication: Publication
    sent: Mapping[str, Change]

    @property
    def rows_changed(self) -> int:
        """Rows written or removed over all tables."""
        return sum(change.rows for change in self.sent.values())


@dataclass(frozen=True)
class _Situation:
    """What production holds, what development offers, and whether one continues the other."""

    last: Publication | None
    source: Source
    revision: str
    same_tables: bool

    def goes_on(self, terms: Terms) -> bool:
        """Whether versions tell what changed."""
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
    terms: Terms = USUAL_TERMS,
) -> Published | None:
    """Publish what changed; None when production has it all already."""
    started = time.monotonic()
    with (
        clear_errors("Publishing", production=production, development=development),
        development.transaction(),
        at_work(production, terms),
    ):
        development.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        _refuse_while_held(production)
        now = _situation(development, production, tables)
        if _is_current(now, terms):
            return None
        refuse_outdated(development, tables)
        history = _history(now.last, terms)
        passage = Passage(development, production, history)
        sent, states = _send(passage, tables, terms, now)
        publication = _described(now, terms, history, states, run_id)
        if now.last is not None and now.same_tables and not any(it.rows for it in sent.values()):
            move_source(production, replace(publication, number=now.last.number))
            return None
        if now.last is not None and not terms.allow_shrink:
            refuse_shrinking(now.last.states, states, terms.most_shrink)
        publication = replace(publication, seconds=time.monotonic() - started)
        record(production, publication)
        forget_history(production, publication.number, terms.keep)
    return Published(publication, sent)


def _described(
    now: _Situation,
    terms: Terms,
    history: History,
    states: Mapping[str, TableState],
    run_id: str,
) -> Publication:
    """The row that a publication leaves."""
    return Publication(
        number=history.number,
        run_id=run_id,
        kind="changes" if now.goes_on(terms) else "full",
        source_database=now.source.database,
        source_version=now.source.version,
        releases=now.source.releases,
        tables={name: state.as_json() for name, state in states.items()},
        father_names=terms.father_names,
        checksum=checksum_over(states),
        seconds=0,
        revision=now.revision,
        reversible=history.kept,
    )


@contextmanager
def at_work(production: Connection, terms: Terms) -> Iterator[None]:
    """The transaction of a publication: durable, alone, with time enough."""
    milliseconds = f"{int(terms.statement_seconds * 1000)}ms"
    with production.transaction():
        production.execute("SET LOCAL synchronous_commit = on")
        # Managed servers end statements, and transactions that wait for rows, after minutes.
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            production.execute("SELECT set_config(%s, %s, true)", (name, milliseconds))
        if production.info.server_version >= FIRST_WITH_TRANSACTION_TIMEOUT:
            production.execute("SET LOCAL transaction_timeout = 0")
        refuse_other_side(production, Side.PRODUCTION)
        hold_within(production, Lock.PUBLISH, terms.wait_seconds, "Publishing")
        yield


def current_source(development: Connection) -> Source:
    """The state of the development database that this transaction sees."""
    row = development.execute(
        """
        SELECT (SELECT id::text FROM ops.identity),
               (SELECT coalesce(max(version), 0) FROM ops.versions),
               (SELECT coalesce(array_agg(release ORDER BY release), '{}') FROM ops.loads)
        """
    ).fetchone()
    if row is None or row[0] is None:
        message = "The development database has no identity; run `ouspark rebuild` on a new one."
        raise WarehouseError(message)
    releases = row[2] if isinstance(row[2], list) else []
    return Source(str(row[0]), int(str(row[1])), releases)


def hidden_columns(table: Table, *, father_names: bool) -> tuple[str, ...]:
    """The columns of a table that stay in development."""
    return () if father_names else table.private


def _refuse_while_held(production: Connection) -> None:
    if hold := current_hold(production):
        message = f"{hold}."
        raise PublishingHeldError(message)


def _situation(
    development: Connection, production: Connection, tables: Sequence[Table]
) -> _Situation:
    last, revision = last_publication(production), current_revision(production)
    names = {table.qualified_name for table in tables}
    same_tables = last is not None and last.revision == revision and set(last.tables) == names
    return _Situation(last, current_source(development), revision, same_tables)


def _is_current(now: _Situation, terms: Terms) -> bool:
    return (
        now.last is not None
        and now.goes_on(terms)
        and now.last.source_version == now.source.version
    )


def _history(last: Publication | None, terms: Terms) -> History:
    """The first publication replaces nothing that could be brought back."""
    number = 1 if last is None else last.number + 1
    return History(number, kept=last is not None and terms.keep > 0)


def _send(
    passage: Passage, tables: Sequence[Table], terms: Terms, now: _Situation
) -> tuple[dict[str, Change], dict[str, TableState]]:
    hidden = {it: hidden_columns(it, father_names=terms.father_names) for it in tables}
    if now.last is not None and now.goes_on(terms):
        return _send_since(passage, hidden, now.last)
    sent, states = {}, {}
    for table in tables:
        change = replace_table(passage, table, hidden[table])
        rows, checksum = count_and_checksum(passage.production, table)
        sent[table.qualified_name] = change
        states[table.qualified_name] = TableState(rows, change.rows, checksum)
    return sent, states


def _send_since(
    passage: Passage, hidden: Mapping[Table, tuple[str, ...]], last: Publication
) -> tuple[dict[str, Change], dict[str, TableState]]:
    since, before = last.source_version, last.states
    changed = _changed_tables(passage.development, since)
    sent = {
        table.qualified_name: send_changes(passage, table, columns, since)
        if table.qualified_name in changed
        else Change()
        for table, columns in hidden.items()
    }
    return sent, {name: moved(before[name], change) for name, change in sent.items()}


def moved(before: TableState, change: Change) -> TableState:
    """A table's state after a change, without looking at the other rows."""
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
