r"""Benchmark of loading marks into the development database. The reference is psql's \copy.

Both load the same rows into the same table with the same keys, indexes and column defaults; every
sample starts from a checkpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import psycopg
from psycopg.rows import scalar_row

from ouspark_assets.bench.bench_environment import write_checkpoint
from ouspark_assets.bench.benchmark import Bench, Contender, measure_in_turns, measure_seconds
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.references import BenchError, find_psql, run_program
from ouspark_assets.bench.synthetic import generate_marks
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.core.writing import write_transaction

EMPTY, MERGE, PANDAS = "OuSpark, empty table", "OuSpark, merge", "pandas to_sql"
PSQL, COPY = "psql \\copy", "COPY by psycopg"
EMPTY_BUDGET = Budget(Bound.AT_LEAST, 0.8)
MERGE_BUDGET = Budget(Bound.AT_LEAST, 0.5)
# Every hundredth row of the merge differs from the row in the table.
CHANGED_EVERY = 100
# The bookkeeping columns of development take their defaults from these.
BOOKKEEPING = {"ouspark.version": "1", "ouspark.run": "bench"}
BOOKKEEPING_OPTIONS = " ".join(f"-c {name}={value}" for name, value in BOOKKEEPING.items())
BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Marks:
    """Rows to load: the first version, also as CSV, and a second with changes."""

    first: pl.DataFrame
    second: pl.DataFrame
    csv: Path


def measure(bench: Bench) -> Outcome:
    """Return rows per second into an empty table and of a merge."""
    bench.progress.step("generating the rows")
    marks = _generate(bench.scale.marks, bench.environment.home / "marks.csv")
    dsn = bench.environment.create_database("bench_load", Side.DEVELOPMENT)
    program = find_psql()
    reference = PSQL if program else COPY
    copy = _copy_by_psql(program, dsn, marks.csv) if program else _copy_by_psycopg(dsn, marks.csv)
    rows = marks.first.height
    contenders = [
        Contender(EMPTY, partial(_merge, dsn, marks.first, _empty_table)),
        Contender(MERGE, partial(_merge, dsn, marks.second, write_checkpoint)),
        Contender(reference, partial(_copy, dsn, rows, copy)),
    ]
    few = bench.scale.rows_of_the_slowest
    if bench.python.has("pandas", "sqlalchemy", "psycopg"):
        contenders.append(Contender(PANDAS, _load_by_pandas(bench, dsn, few)))
    taken = measure_in_turns(contenders, bench.scale.rounds, "rows/s", bench.progress)
    figures = [
        Figure("into an empty table", taken[EMPTY], reference, taken[reference], EMPTY_BUDGET),
        Figure("merge, 1 % differ", taken[MERGE], reference, taken[reference], MERGE_BUDGET),
    ]
    notes = [f"{rows:,} rows of clean.marks with their keys, as CSV for {reference}"]
    if program is None:
        notes.append(f"{PSQL} is not installed: replaced by {COPY} from a prepared file")
    if PANDAS in taken:
        figures.append(Figure("into an empty table", taken[EMPTY], PANDAS, taken[PANDAS]))
        notes.append(f"{PANDAS} on {few:,} rows")
    else:
        notes.append(f"{PANDAS} is not installed: left out")
    return Outcome("load", "Loading", tuple(figures), tuple(notes))


def _generate(rows: int, csv: Path) -> Marks:
    first = generate_marks(rows)
    if first.height != rows:
        message = f"Only {first.height} of {rows} rows were generated"
        raise BenchError(message)
    is_changed = pl.int_range(pl.len()) % CHANGED_EVERY == 0
    name = pl.when(is_changed).then(pl.format("{} *", "subject_name")).otherwise("subject_name")
    first.write_csv(csv, include_header=False)
    return Marks(first, first.with_columns(name.alias("subject_name")), csv)


def _merge(dsn: str, frame: pl.DataFrame, prepare: Callable[[str], None]) -> float:
    prepare(dsn)
    with connected(dsn, Side.DEVELOPMENT, "bench") as connection:

        def work() -> None:
            with write_transaction(connection, "bench") as writer:
                change = writer.merge(MARKS, frame.iter_slices(BATCH_ROWS))
            if change.rows != frame.height or not change.written:
                message = f"{change.written} of {frame.height} rows were written"
                raise BenchError(message)

        return frame.height / measure_seconds(work)


def _copy(dsn: str, rows: int, copy: Callable[[], object]) -> float:
    _empty_table(dsn)
    spent = measure_seconds(copy)
    with psycopg.connect(dsn, row_factory=scalar_row) as connection:
        loaded = connection.execute("SELECT count(*) FROM clean.marks").fetchone()
    if loaded != rows:
        message = f"The reference loaded {loaded} rows instead of {rows}"
        raise BenchError(message)
    return rows / spent


def _copy_by_psql(program: str, dsn: str, csv: Path) -> Callable[[], object]:
    settings = [f"-cSET {name} = '{value}'" for name, value in BOOKKEEPING.items()]
    copy = f"-c\\copy clean.marks ({', '.join(MARKS.columns)}) FROM '{csv}' (FORMAT csv)"
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", *settings, copy, dsn]
    return lambda: run_program(command)


def _copy_by_psycopg(dsn: str, csv: Path) -> Callable[[], object]:
    statement = f"COPY clean.marks ({', '.join(MARKS.columns)}) FROM STDIN (FORMAT csv)"

    def copy() -> None:
        with (
            csv.open("rb") as file,
            psycopg.connect(dsn, options=BOOKKEEPING_OPTIONS) as connection,
            connection.cursor().copy(statement.encode()) as incoming,
        ):
            while chunk := file.read(1 << 20):
                incoming.write(chunk)

    return copy


def _load_by_pandas(bench: Bench, dsn: str, rows: int) -> Callable[[], float]:
    file = bench.environment.home / "few.csv"
    generate_marks(rows).write_csv(file)

    def sample() -> float:
        _empty_table(dsn)
        result = bench.python.run("pandas_to_sql", file, dsn, BOOKKEEPING_OPTIONS)
        return float(result["rows"] / result["seconds"])

    return sample


def _empty_table(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE clean.marks, ops.tombstones")
    write_checkpoint(dsn)
