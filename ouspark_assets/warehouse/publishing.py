"""Publishing: the production database brought to the state of development in one transaction.

What is sent is what changed since the version of the last publication: changed rows by their
version, removed rows by their tombstones. Nothing changed, nothing published.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.types.json import Jsonb

from ouspark_assets.errors import WarehouseError
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.connection import Connection
from ouspark_assets.warehouse.locks import Lock, hold
from ouspark_assets.warehouse.reading import identifier
from ouspark_assets.warehouse.sending import Sent, replace_table, send_changes


@dataclass(frozen=True)
class Source:
    """A state of the development database: which one, and after which change."""

    database: str
    version: int
    releases: tuple[str, ...]


@dataclass(frozen=True)
class Publication:
    """One numbered state of the production database."""

    number: int
    source_database: str
    source_version: int
    father_names: bool
    checksum: str


@dataclass(frozen=True)
class Published:
    """What a publication did."""

    publication: Publication
    kind: str
    sent: dict[str, Sent]
    seconds: float

    @property
    def rows_changed(self) -> int:
        """Rows written or removed over all tables."""
        return sum(sent.changed for sent in self.sent.values())


def publish(
    development: Connection,
    production: Connection,
    tables: Sequence[Table],
    run_id: str,
    *,
    father_names: bool = False,
    full: bool = False,
) -> Published | None:
    """Publish what changed; None when production has it all already."""
    started = time.monotonic()
    with development.transaction(), production.transaction():
        development.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        production.execute("SET LOCAL synchronous_commit = on")
        hold(production, Lock.PUBLISH)
        _refuse_itself(production)
        source, last = current_source(development), last_publication(production)
        if not full and last is not None and _is_current(last, source, father_names=father_names):
            return None
        full = full or last is None or not _continues(last, source, father_names=father_names)
        since = None if full or last is None else last.source_version
        sent = {
            table.qualified_name: _send(
                development, production, table, since, father_names=father_names
            )
            for table in tables
        }
        publication = Publication(
            number=(last.number if last else 0) + 1,
            source_database=source.database,
            source_version=source.version,
            father_names=father_names,
            checksum=_checksum(production, tables),
        )
        published = Published(
            publication, "full" if full else "changes", sent, time.monotonic() - started
        )
        _record(production, published, source, run_id)
    return published


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
    return Source(str(row[0]), int(str(row[1])), tuple(releases))


def last_publication(production: Connection) -> Publication | None:
    """The newest publication, if there is one."""
    row = production.execute(
        """
        SELECT number, source_id::text, source_version, father_names, checksum
          FROM ops.publications ORDER BY number DESC LIMIT 1
        """
    ).fetchone()
    if row is None:
        return None
    number, database, version, father_names, checksum = row
    return Publication(
        int(str(number)), str(database), int(str(version)), bool(father_names), str(checksum)
    )


def _continues(last: Publication, source: Source, *, father_names: bool) -> bool:
    same = last.source_database == source.database and last.source_version <= source.version
    return same and last.father_names == father_names


def _is_current(last: Publication, source: Source, *, father_names: bool) -> bool:
    return (
        _continues(last, source, father_names=father_names)
        and last.source_version == source.version
    )


def _send(
    development: Connection,
    production: Connection,
    table: Table,
    since: int | None,
    *,
    father_names: bool,
) -> Sent:
    hidden = () if father_names else table.private
    if since is None:
        return replace_table(development, production, table, hidden)
    return send_changes(development, production, table, hidden, since)


def _refuse_itself(production: Connection) -> None:
    """Both addresses leading to one database would publish onto itself."""
    where = "SELECT to_regclass('ops.identity') IS NOT NULL"
    row = production.execute(where).fetchone()
    if row is not None and row[0] is True:
        message = (
            "The production database is a development database. "
            "Give OUSPARK_PROD_DSN a database of its own."
        )
        raise WarehouseError(message)


def _checksum(production: Connection, tables: Sequence[Table]) -> str:
    """A checksum over every row of every published table."""
    digest = hashlib.sha256()
    for table in tables:
        row = production.execute(
            sql.SQL(
                "SELECT count(*), coalesce(bit_xor(hash_record_extended(t, 0)), 0) FROM {} AS t"
            ).format(identifier(table))
        ).fetchone()
        digest.update(f"{table.qualified_name} {row}\n".encode())
    return digest.hexdigest()


def _record(production: Connection, published: Published, source: Source, run_id: str) -> None:
    publication = published.publication
    tables = {
        name: {"rows": sent.rows, "changed": sent.changed} for name, sent in published.sent.items()
    }
    production.execute(
        """
        INSERT INTO ops.publications (number, run_id, kind, source_id, source_version, releases,
                                      tables, father_names, checksum, seconds)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            publication.number,
            run_id,
            published.kind,
            publication.source_database,
            publication.source_version,
            list(source.releases),
            Jsonb(tables),
            publication.father_names,
            publication.checksum,
            published.seconds,
        ),
    )
