"""Benchmark of publishing: in full, with nothing changed, and with 1 % of each table changed.

The reference is pg_dump | pg_restore of the same schemas into an empty database of the same server.
"""

import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ouspark_assets.bench.bench_environment import BenchEnvironment, write_checkpoint
from ouspark_assets.bench.benchmark import Bench, Contender, measure_in_turns, measure_seconds
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.references import BenchError, find_dump_and_restore
from ouspark_assets.bench.synthetic import generate_published_tables
from ouspark_assets.schemas import PUBLISHED_TABLES
from ouspark_assets.schemas.table import Table
from ouspark_assets.warehouse.core.connection import Connection, Side, connected
from ouspark_assets.warehouse.core.frames import identifier
from ouspark_assets.warehouse.core.statements import BOOKKEEPING
from ouspark_assets.warehouse.core.writing import write_transaction
from ouspark_assets.warehouse.publication.publish_transaction import Published, publish

FULL, NOTHING, SOME = "full", "nothing changed", "1 % changed"
DUMP = "pg_dump | pg_restore"
NOTHING_BUDGET = Budget(Bound.AT_MOST, 0.10)
SOME_BUDGET = Budget(Bound.AT_MOST, 0.25)
# About every hundredth row of a table is changed.
CHANGED_EVERY = 100
PRODUCTION, RESTORED = "bench_production", "bench_restored"
SCHEMAS = ("clean", "analytics")


@dataclass(frozen=True)
class Databases:
    """A filled development database, and the environment in which to create production."""

    environment: BenchEnvironment
    development: str

    def measure_full(self) -> float:
        """Return the seconds of a publication into an empty database."""
        self.environment.create_database(PRODUCTION, Side.PRODUCTION)
        return self.measure_publication(has_changes=True)

    def measure_some(self) -> float:
        """Return the seconds of a publication after a change of 1 % of each table."""
        with (
            connected(self.development, Side.DEVELOPMENT, "bench") as connection,
            write_transaction(connection, "bench") as writer,
        ):
            for table in PUBLISHED_TABLES:
                if _change_rows(connection, table):
                    writer.changed_tables.add(table.qualified_name)
        return self.measure_publication(has_changes=True)

    def measure_publication(self, *, has_changes: bool) -> float:
        """Return the seconds of a publication; raise BenchError if its changes are unexpected."""
        published: list[Published | None] = []

        def work() -> None:
            with (
                connected(self.development, Side.DEVELOPMENT, "bench") as source,
                connected(self.environment.address(PRODUCTION), Side.PRODUCTION, "bench") as target,
            ):
                published.append(publish(source, target, PUBLISHED_TABLES, "bench"))

        write_checkpoint(self.development)
        spent = measure_seconds(work)
        if (published[0] is not None) != has_changes:
            message = f"The publication found {'no' if has_changes else 'unexpected'} changes"
            raise BenchError(message)
        return spent


def measure(bench: Bench) -> Outcome:
    """Return the seconds of each publication and of the reference."""
    bench.progress.step("generating the tables")
    frames = generate_published_tables(bench.scale.published_students)
    development = bench.environment.create_database("bench_development", Side.DEVELOPMENT)
    databases = Databases(bench.environment, development)
    bench.progress.step("filling the development database")
    with (
        connected(development, Side.DEVELOPMENT, "bench") as connection,
        write_transaction(connection, "bench") as writer,
    ):
        for table, frame in frames.items():
            writer.merge(table, [frame])
    with psycopg.connect(development, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    contenders = [
        Contender(FULL, databases.measure_full),
        Contender(NOTHING, lambda: databases.measure_publication(has_changes=False)),
        Contender(SOME, databases.measure_some),
    ]
    programs = find_dump_and_restore()
    if programs:
        contenders.append(Contender(DUMP, _dump_and_restore(databases, *programs)))
    taken = measure_in_turns(contenders, bench.scale.rounds, "s", bench.progress)
    figures = [
        Figure(NOTHING, taken[NOTHING], FULL, taken[FULL], NOTHING_BUDGET, own_reference=True),
        Figure(SOME, taken[SOME], FULL, taken[FULL], SOME_BUDGET, own_reference=True),
    ]
    rows = sum(frame.height for frame in frames.values())
    notes = [f"{rows:,} rows in {len(frames)} tables; {FULL}: into an empty database"]
    if DUMP in taken:
        figures += [Figure(name, taken[name], DUMP, taken[DUMP]) for name in (FULL, SOME)]
    else:
        notes.append(f"{DUMP} is not installed: left out")
    return Outcome("publish", "Publishing", tuple(figures), tuple(notes))


def _change_rows(connection: Connection, table: Table) -> int:
    """Change 1 % of the rows as a merge that finds a difference does; return their number."""
    name = next(name for name in table.content if table.dtypes[name].is_numeric() or name == "name")
    column, is_numeric = sql.Identifier(name), table.dtypes[name].is_numeric()
    value = "CASE WHEN {} = 1 THEN 0 ELSE 1 END" if is_numeric else "coalesce({}, '') || '*'"
    statement = sql.SQL(
        """
        UPDATE {table} SET {column} = {value}, {bookkeeping}
         WHERE mod(hashtext(ROW({key})::text), {changed_every}) = 0
        """
    ).format(
        table=identifier(table),
        column=column,
        value=sql.SQL(value).format(column),
        bookkeeping=sql.SQL(", ").join(
            sql.SQL("{} = DEFAULT").format(sql.Identifier(name)) for name in BOOKKEEPING
        ),
        key=sql.SQL(", ").join(map(sql.Identifier, table.key)),
        changed_every=sql.Literal(CHANGED_EVERY),
    )
    return connection.execute(statement).rowcount


def _dump_and_restore(databases: Databases, dump: str, restore: str) -> Callable[[], float]:
    schemas = [f"--schema={name}" for name in SCHEMAS]
    dumping = [dump, "--format=custom", *schemas, databases.development]

    def sample() -> float:
        target = databases.environment.create_database(RESTORED)
        write_checkpoint(databases.development)
        restoring = [restore, "--no-owner", f"--dbname={target}"]
        return measure_seconds(lambda: _run_pipe(dumping, restoring))

    return sample


def _run_pipe(dumping: list[str], restoring: list[str]) -> None:
    with ExitStack() as stack:
        source = stack.enter_context(
            subprocess.Popen(dumping, stdout=subprocess.PIPE)  # noqa: S603 (found programs)
        )
        sink = stack.enter_context(
            subprocess.Popen(restoring, stdin=source.stdout)  # noqa: S603 (found programs)
        )
        if source.stdout is not None:
            source.stdout.close()
        codes = sink.wait(), source.wait()
    if any(codes):
        message = f"{DUMP} failed (exit status {codes[1]} and {codes[0]})"
        raise BenchError(message)
