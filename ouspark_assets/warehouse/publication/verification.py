"""Comparing production with development: checksums per table and bucket, then single rows.

Nothing is changed. Rows that development changed since the publication are counted separately from
rows that should be equal and are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor

from psycopg import sql

from ouspark_assets.domain.errors import WarehouseError
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, read_only_snapshot
from ouspark_assets.warehouse.core.frames import column_list, identifier
from ouspark_assets.warehouse.core.statements import row_hash
from ouspark_assets.warehouse.publication.guards import translate_errors
from ouspark_assets.warehouse.publication.publications import (
    Publication,
    TableState,
    last_publication,
)
from ouspark_assets.warehouse.publication.publish_transaction import current_source, hidden_columns

# About a thousand rows each in a table of a million.
BUCKETS = 1024
Key = tuple[str | None, ...]
# The number of rows whose keys have the same hash, and the checksum of these rows.
Bucket = tuple[int, int]


@dataclass(frozen=True)
class Difference:
    """A row of production that differs from development."""

    key: Mapping[str, str | None]
    problem: str


@dataclass(frozen=True)
class TableVerdict:
    """The result of the comparison for one table."""

    name: str
    rows: int
    expected_rows: int
    checksum: str
    recorded: bool
    differing_buckets: int
    differences: tuple[Difference, ...]
    unpublished: int

    @property
    def is_clean(self) -> bool:
        """Production holds exactly what was published."""
        return not self.differences and self.recorded


@dataclass(frozen=True)
class VerificationResult:
    """The result of the comparison for all tables."""

    publication: int
    tables: tuple[TableVerdict, ...]

    @property
    def is_clean(self) -> bool:
        """Production holds exactly what was published."""
        return all(table.is_clean for table in self.tables)


def verify(
    development: Connection, production: Connection, tables: Sequence[Table]
) -> VerificationResult:
    """Compare every published table, in one snapshot of each database."""
    with (
        translate_errors("The comparison", production=production, development=development),
        read_only_snapshot(development, "0"),
        read_only_snapshot(production, "0"),
    ):
        last = last_publication(production)
        if last is None:
            message = (
                "There is no publication to verify yet. Run `ouspark run` to make the first one."
            )
            raise WarehouseError(message)
        is_same_source = current_source(development).database == last.source_database
        since = last.source_version if is_same_source else None
        comparison = _Comparison(development, production, last, since)
        return VerificationResult(last.number, tuple(map(comparison.compare, tables)))


@dataclass(frozen=True)
class _Comparison:
    development: Connection
    production: Connection
    last: Publication
    # The version of the publication; None if it came from another development database.
    since: int | None

    def compare(self, table: Table) -> TableVerdict:
        """Compare one table."""
        hidden = hidden_columns(table, father_names=self.last.father_names)
        wanted = _read_buckets(self.development, table, hidden)
        found = _read_buckets(self.production, table, ())
        differing = [
            number
            for number in wanted.keys() | found.keys()
            if wanted.get(number) != found.get(number)
        ]
        differences, unpublished = (
            self._compare_rows(table, hidden, differing) if differing else ((), 0)
        )
        rows = sum(count for count, _ in found.values())
        checksum = reduce(xor, (checksum for _, checksum in found.values()), 0)
        state = self.last.states.get(table.qualified_name)
        return TableVerdict(
            name=table.qualified_name,
            rows=rows,
            expected_rows=sum(count for count, _ in wanted.values()),
            checksum=TableState(rows, 0, checksum).shown_checksum,
            recorded=state is not None and (state.rows, state.checksum) == (rows, checksum),
            differing_buckets=len(differing),
            differences=differences,
            unpublished=unpublished,
        )

    def _compare_rows(
        self, table: Table, hidden: Sequence[str], buckets: Sequence[int]
    ) -> tuple[tuple[Difference, ...], int]:
        is_newer: sql.Composable = sql.SQL("false")
        gone: set[Key] = set()
        if self.since is not None:
            is_newer = sql.SQL("version > {}").format(sql.Literal(self.since))
            gone = _removed_keys(self.development, table, self.since)
        wanted = _read_hashes(self.development, table, hidden, buckets, is_newer)
        found = _read_hashes(self.production, table, (), buckets, sql.SQL("false"))
        differences, unpublished = [], 0
        for key in sorted(wanted.keys() | found.keys(), key=str):
            one, other = wanted.get(key), found.get(key)
            if one and other and one[0] == other[0]:
                continue
            if one[1] if one else key in gone:
                unpublished += 1
                continue
            problem = (
                "missing" if other is None else "not in development" if one is None else "differs"
            )
            differences.append(Difference(dict(zip(table.key, key, strict=True)), problem))
        return tuple(differences), unpublished


def _read_buckets(connection: Connection, table: Table, hidden: Sequence[str]) -> dict[int, Bucket]:
    rows = connection.execute(
        sql.SQL(
            "SELECT {bucket}, count(*), bit_xor({hash}) FROM {table} AS target GROUP BY 1"
        ).format(
            bucket=_bucket_of(table),
            hash=row_hash(table, "target", hidden),
            table=identifier(table),
        )
    ).fetchall()
    return {number: (count, checksum) for number, count, checksum in rows}


def _read_hashes(
    connection: Connection,
    table: Table,
    hidden: Sequence[str],
    buckets: Sequence[int],
    is_newer: sql.Composable,
) -> dict[Key, tuple[int, bool]]:
    """Return the hash of each row, and whether it was changed since the publication."""
    rows = connection.execute(
        sql.SQL(
            "SELECT {hash}, {newer}, {key} FROM {table} AS target WHERE {bucket} = ANY(%s)"
        ).format(
            hash=row_hash(table, "target", hidden),
            newer=is_newer,
            key=_key_as_text("target", table),
            table=identifier(table),
            bucket=_bucket_of(table),
        ),
        (list(buckets),),
    ).fetchall()
    return {tuple(key): (checksum, newer) for checksum, newer, *key in rows}


def _removed_keys(development: Connection, table: Table, since: int) -> set[Key]:
    rows = development.execute(
        sql.SQL(
            """
            SELECT {key} FROM ops.tombstones, jsonb_populate_record(NULL::{table}, key) AS gone
             WHERE table_name = %s AND ops.tombstones.version > %s
            """
        ).format(key=_key_as_text("gone", table), table=identifier(table)),
        (table.qualified_name, since),
    ).fetchall()
    return set(rows)


def _bucket_of(table: Table) -> sql.Composed:
    return sql.SQL("(hash_record_extended(ROW({}), 0) & {})").format(
        column_list(table.key, "target"), sql.Literal(BUCKETS - 1)
    )


def _key_as_text(alias: str, table: Table) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(alias, name)) for name in table.key
    )
