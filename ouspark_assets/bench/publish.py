"""Publishing: a full publication, one with nothing changed, one with 1 % of each table changed.

Beside them pg_dump | pg_restore of the same schemas into an empty database of the same server.
"""

import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import polars as pl
import psycopg
from psycopg import sql

from ouspark_assets.bench.benchmark import Bench
from ouspark_assets.bench.environment import Room
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.population import published_tables
from ouspark_assets.bench.references import BenchError, dump_and_restore
from ouspark_assets.bench.rounds import Contender, seconds, take_turns
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import identifier
from ouspark_assets.warehouse.core.statements import BOOKKEEPING
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publish_transaction import Published, publish

FULL, NOTHING, SOME = "full", "nothing changed", "1 % changed"
DUMP = "pg_dump | pg_restore"
ALMOST_FREE = Budget(Bound.AT_MOST, 0.10)
A_QUARTER = Budget(Bound.AT_MOST, 0.25)
ONE_IN = 100
PRODUCTION, RESTORED = "bench_production", "bench_restored"
SCHEMAS = ("clean", "analytics")
Frames = Mapping[Table, pl.DataFrame]


@dataclass(frozen=True)
class Databases:
    """A filled development database, and a room to make production databases in."""

    room: Room
    development: str

    def publish(self) -> Published | None:
        """One publication, on connections of its own."""
        with (
            connected(self.development, Side.DEVELOPMENT, "bench") as source,
            connected(self.room.address(PRODUCTION), Side.PRODUCTION, "bench") as target,
        ):
            return publish(source, target, PUBLISHED_TABLES, "bench")

    def timed(self, *, changes: bool) -> float:
        """The seconds of a publication, from a checkpoint."""
        done: list[Published | None] = []
        checkpoint(self.development)
        spent = seconds(lambda: done.append(self.publish()))
        if (done[0] is not None) != changes:
            message = f"The publication {'did nothing' if changes else 'found changes'}"
            raise BenchError(message)
        return spent


def measure(bench: Bench) -> Outcome:
    """Seconds of each."""
    bench.watch.step("making up the tables")
    frames = published_tables(bench.scale.published_students)
    databases = Databases(bench.room, bench.room.database("bench_development", Side.DEVELOPMENT))
    bench.watch.step("filling the development database")
    fill(databases.development, frames)
    contenders = [
        Contender(FULL, lambda: _full(databases)),
        Contender(NOTHING, lambda: databases.timed(changes=False)),
        Contender(SOME, lambda: _some(databases)),
    ]
    programs = dump_and_restore()
    if programs:
        contenders.append(Contender(DUMP, _dumping(databases, *programs)))
    taken = take_turns(contenders, bench.scale.rounds, "s", bench.watch)
    figures = [
        Figure(NOTHING, taken[NOTHING], FULL, taken[FULL], ALMOST_FREE, own_reference=True),
        Figure(SOME, taken[SOME], FULL, taken[FULL], A_QUARTER, own_reference=True),
    ]
    rows = sum(frame.height for frame in frames.values())
    notes = [f"{rows:,} rows in {len(frames)} tables; {FULL}: into an empty database"]
    if DUMP in taken:
        figures += [Figure(name, taken[name], DUMP, taken[DUMP]) for name in (FULL, SOME)]
    else:
        notes.append(f"{DUMP} is not installed: left out")
    return Outcome("publish", "Publishing", tuple(figures), tuple(notes))


def fill(development: str, frames: Frames) -> None:
    """Write every table as a load does."""
    with (
        connected(development, Side.DEVELOPMENT, "bench") as connection,
        write_transaction(connection, "bench") as writer,
    ):
        for table, frame in frames.items():
            writer.merge(table, [frame])
    with psycopg.connect(development, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def checkpoint(dsn: str) -> None:
    """What was written before must not be paid for by what comes next."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def _full(databases: Databases) -> float:
    databases.room.database(PRODUCTION, Side.PRODUCTION)
    return databases.timed(changes=True)


def _some(databases: Databases) -> float:
    with (
        connected(databases.development, Side.DEVELOPMENT, "bench") as connection,
        write_transaction(connection, "bench") as writer,
    ):
        for table in PUBLISHED_TABLES:
            if _change_some(connection, table):
                writer.changed_tables.add(table.qualified_name)
    return databases.timed(changes=True)


def _change_some(connection: Connection, table: Table) -> int:
    """Give one row in a hundred another content, as a merge that finds a difference does."""
    name = next(name for name in table.content if table.dtypes[name].is_numeric() or name == "name")
    column, numeric = sql.Identifier(name), table.dtypes[name].is_numeric()
    other = "CASE WHEN {} = 1 THEN 0 ELSE 1 END" if numeric else "coalesce({}, '') || '*'"
    statement = sql.SQL(
        """
        UPDATE {table} SET {column} = {other}, {renewed}
         WHERE mod(hashtext(ROW({key})::text), {one_in}) = 0
        """
    ).format(
        table=identifier(table),
        column=column,
        other=sql.SQL(other).format(column),
        renewed=sql.SQL(", ").join(
            sql.SQL("{} = DEFAULT").format(sql.Identifier(name)) for name in BOOKKEEPING
        ),
        key=sql.SQL(", ").join(map(sql.Identifier, table.key)),
        one_in=sql.Literal(ONE_IN),
    )
    return connection.execute(statement).rowcount


def _dumping(databases: Databases, dump: str, restore: str) -> Callable[[], float]:
    parts = [f"--schema={name}" for name in SCHEMAS]
    reading = [dump, "--format=custom", *parts, databases.development]

    def sample() -> float:
        target = databases.room.empty_database(RESTORED)
        checkpoint(databases.development)
        return seconds(lambda: _piped(reading, [restore, "--no-owner", f"--dbname={target}"]))

    return sample


def _piped(reading: list[str], writing_: list[str]) -> None:
    with ExitStack() as stack:
        source = stack.enter_context(
            subprocess.Popen(reading, stdout=subprocess.PIPE)  # noqa: S603 (found programs)
        )
        sink = stack.enter_context(
            subprocess.Popen(writing_, stdin=source.stdout)  # noqa: S603 (found programs)
        )
        if source.stdout is not None:
            source.stdout.close()
        codes = sink.wait(), source.wait()
    if any(codes):
        message = f"{DUMP} failed (exit status {codes[1]} and {codes[0]})"
        raise BenchError(message)
