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
    refuse_fictitious,
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
from ouspark_assets.warehouse.records.loads import fictitious_releases

# The defaults of the settings, whatever the environment contains.
DEFAULTS = PublicationSettings.model_construct()
# The first version with the setting transaction_timeout.
TRANSACTION_TIMEOUT_VERSION = 170000


@dataclass(frozen=True)
class Terms:
    """The options of a publication."""

    father_names: bool = DEFAULTS.publish_father_names
    # Compare every row instead of trusting versions; repairs what was changed by hand.
    full: bool = False
    allow_shrink: bool = False
    # Publish releases with students whom the stand-in has invented.
    allow_fictitious: bool = False
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

    def is_published_by(self, publication: Publication) -> bool:
        """Return whether a publication was made from exactly this state."""
        source = (publication.source_database, publication.source_version)
        return source == (self.database, self.version)


@dataclass(frozen=True)
class Published:
    """A new publication, and the changes of each table."""

    publication: Publication
    sent: Mapping[str, TableChange]

    @property
    def rows_changed(self) -> int:
        """Rows written or removed over all tables."""
        return sum(change.rows for change in self.sent.values())


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
        if hold := current_hold(production):
            message = f"{hold}."
            raise PublishingHeldError(message)
        source, last = current_source(development), last_publication(production)
        revision, names = current_revision(production), {table.qualified_name for table in tables}
        same_tables = last is not None and last.revision == revision and set(last.tables) == names
        # The publication whose version identifies all changes since; without it, all rows are sent.
        base = last if same_tables and _can_build_on(last, source, terms) else None
        if base is not None and base.source_version == source.version:
            return None
        if not terms.allow_fictitious:
            refuse_fictitious(fictitious_releases(development))
        refuse_outdated(development, tables)
        # The first publication replaces nothing that is worth keeping.
        is_kept = last is not None and terms.keep > 0
        log = ChangeLog(last.number + 1 if last else 1, is_kept)
        transfer = Transfer(development, production, log)
        hidden = {table: hidden_columns(table, father_names=terms.father_names) for table in tables}
        sent, states = _send_since(transfer, hidden, base) if base else _send_all(transfer, hidden)
        publication = Publication(
            number=log.number,
            run_id=run_id,
            kind="changes" if base else "full",
            source_database=source.database,
            source_version=source.version,
            releases=source.releases,
            tables={name: state.as_json() for name, state in states.items()},
            father_names=terms.father_names,
            checksum=combined_checksum(states),
            seconds=time.monotonic() - started,
            revision=revision,
            reversible=log.is_kept,
        )
        if last is not None:
            if same_tables and not any(change.rows for change in sent.values()):
                update_source(production, replace(publication, number=last.number))
                return None
            if not terms.allow_shrink:
                refuse_shrinking(last.states, states, terms.most_shrink)
        insert_publication(production, publication)
        prune_history(production, publication.number, terms.keep)
    return Published(publication, sent)


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
    return Source(*row)


def hidden_columns(table: Table, *, father_names: bool) -> tuple[str, ...]:
    """Return the columns of a table that are not published."""
    return () if father_names else table.private


def _can_build_on(last: Publication | None, source: Source, terms: Terms) -> bool:
    return (
        last is not None
        and not terms.full
        and last.source_database == source.database
        and last.source_version <= source.version
        and last.father_names == terms.father_names
    )


def _send_all(
    transfer: Transfer, hidden: Mapping[Table, tuple[str, ...]]
) -> tuple[dict[str, TableChange], dict[str, TableState]]:
    sent, states = {}, {}
    for table, columns in hidden.items():
        change = replace_table(transfer, table, columns)
        rows, checksum = count_and_checksum(transfer.production, table)
        sent[table.qualified_name] = change
        states[table.qualified_name] = TableState(rows, change.rows, checksum)
    return sent, states


def _send_since(
    transfer: Transfer, hidden: Mapping[Table, tuple[str, ...]], base: Publication
) -> tuple[dict[str, TableChange], dict[str, TableState]]:
    """Send the changes since a publication; unchanged rows of production are not read."""
    query = "SELECT DISTINCT unnest(tables) FROM ops.versions WHERE version > %s"
    rows = transfer.development.execute(query, (base.source_version,)).fetchall()
    changed, before = {name for (name,) in rows}, base.states
    sent, states = {}, {}
    for table, columns in hidden.items():
        name, change = table.qualified_name, TableChange()
        if name in changed:
            change = send_changes(transfer, table, columns, base.source_version)
        sent[name] = change
        states[name] = TableState(
            rows=before[name].rows + change.inserted - change.removed,
            changed=change.rows,
            checksum=before[name].checksum ^ change.checksum,
        )
    return sent, states
