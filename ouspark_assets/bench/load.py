r"""Loading marks into the development database, beside psql's \copy into the same table.

The same rows, keys, indexes and column defaults; every sample starts from a checkpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import psycopg

from ouspark_assets.bench.benchmark import Bench
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.references import BenchError, completed, psql
from ouspark_assets.bench.rounds import Contender, seconds, take_turns
from ouspark_assets.bench.synthetic import attempts_of
from ouspark_assets.schemas.clean import MARKS
from ouspark_assets.warehouse.core.connection import Side, connected
from ouspark_assets.warehouse.core.writing import write_transaction

EMPTY, MERGE, PANDAS = "OuSpark, empty table", "OuSpark, merge", "pandas to_sql"
PSQL, COPY = "psql \\copy", "COPY by psycopg"
INTO_EMPTY = Budget(Bound.AT_LEAST, 0.8)
INTO_FILLED = Budget(Bound.AT_LEAST, 0.5)
# One in so many rows differs from what the table holds when it is merged.
DIFFERS = 100
# What the bookkeeping columns of development take their defaults from.
BOOKKEEPING = {"ouspark.version": "1", "ouspark.run": "bench"}
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Marks:
    """Rows to load: as first seen, and with one in a hundred changed."""

    first: pl.DataFrame
    second: pl.DataFrame
    csv: Path

    @property
    def rows(self) -> int:
        """How many."""
        return self.first.height


def measure(bench: Bench) -> Outcome:
    """Rows a second of each."""
    bench.watch.step("making up the rows")
    marks = _marks(bench.scale.marks, bench.room.home / "marks.csv")
    dsn = bench.room.database("bench_load", Side.DEVELOPMENT)
    program = psql()
    theirs = PSQL if program else COPY
    copy = _by_psql(program, dsn, marks) if program else _by_psycopg(dsn, marks)
    contenders = [
        Contender(EMPTY, _ours(dsn, marks, _emptied, marks.first)),
        Contender(MERGE, _ours(dsn, marks, _checkpoint, marks.second)),
        Contender(theirs, _timed(dsn, marks, copy)),
    ]
    few = bench.scale.rows_of_the_slowest
    if bench.python.has("pandas", "sqlalchemy", "psycopg"):
        contenders.append(Contender(PANDAS, _by_pandas(bench, dsn, few)))
    taken = take_turns(contenders, bench.scale.rounds, "rows/s", bench.watch)
    figures = [
        Figure("into an empty table", taken[EMPTY], theirs, taken[theirs], INTO_EMPTY),
        Figure("merge, 1 % differ", taken[MERGE], theirs, taken[theirs], INTO_FILLED),
    ]
    notes = [f"{marks.rows:,} rows of clean.marks with their keys, as CSV for {theirs}"]
    if program is None:
        notes.append(f"{PSQL} is not installed: {COPY} from a ready file stands for it")
    if PANDAS in taken:
        figures.append(Figure("into an empty table", taken[EMPTY], PANDAS, taken[PANDAS]))
        notes.append(f"{PANDAS} on {few:,} rows")
    else:
        notes.append(f"{PANDAS} is not installed: left out")
    return Outcome("load", "Loading", tuple(figures), tuple(notes))


def _marks(rows: int, csv: Path) -> Marks:
    first = attempts_of(rows)
    if first.height != rows:
        message = f"Only {first.height} of {rows} rows could be made up"
        raise BenchError(message)
    differs = pl.int_range(pl.len()) % DIFFERS == 0
    other = pl.when(differs).then(pl.format("{} *", "subject_name")).otherwise("subject_name")
    first.write_csv(csv, include_header=False)
    return Marks(first, first.with_columns(other.alias("subject_name")), csv)


def _ours(
    dsn: str, marks: Marks, prepare: Callable[[str], None], frame: pl.DataFrame
) -> Callable[[], float]:
    def sample() -> float:
        prepare(dsn)
        with connected(dsn, Side.DEVELOPMENT, "bench") as connection:

            def work() -> None:
                with write_transaction(connection, "bench") as writer:
                    change = writer.merge(MARKS, frame.iter_slices(ROWS_AT_ONCE))
                if change.rows != marks.rows or not change.written:
                    message = f"{change.written} of {marks.rows} rows were written"
                    raise BenchError(message)

            return marks.rows / seconds(work)

    return sample


def _timed(dsn: str, marks: Marks, copy: Callable[[], object]) -> Callable[[], float]:
    def sample() -> float:
        _emptied(dsn)
        spent = seconds(copy)
        with psycopg.connect(dsn) as connection:
            found = connection.execute("SELECT count(*) FROM clean.marks").fetchone()
        if found != (marks.rows,):
            message = f"The reference loaded {found} rows instead of {marks.rows}"
            raise BenchError(message)
        return marks.rows / spent

    return sample


def _by_psql(program: str, dsn: str, marks: Marks) -> Callable[[], object]:
    columns = ", ".join(MARKS.columns)
    settings = [f"-cSET {name} = '{value}'" for name, value in BOOKKEEPING.items()]
    copy = f"-c\\copy clean.marks ({columns}) FROM '{marks.csv}' (FORMAT csv)"
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", *settings, copy, dsn]
    return lambda: completed(command)


def _by_psycopg(dsn: str, marks: Marks) -> Callable[[], object]:
    columns = ", ".join(MARKS.columns)
    options = " ".join(f"-c {name}={value}" for name, value in BOOKKEEPING.items())

    def copy() -> None:
        statement = f"COPY clean.marks ({columns}) FROM STDIN (FORMAT csv)"
        with (
            marks.csv.open("rb") as file,
            psycopg.connect(dsn, options=options) as connection,
            connection.cursor().copy(statement.encode()) as incoming,
        ):
            while chunk := file.read(1 << 20):
                incoming.write(chunk)

    return copy


def _by_pandas(bench: Bench, dsn: str, rows: int) -> Callable[[], float]:
    file = bench.room.home / "few.csv"
    attempts_of(rows).write_csv(file)
    options = " ".join(f"-c {name}={value}" for name, value in BOOKKEEPING.items())

    def sample() -> float:
        _emptied(dsn)
        said = bench.python.run("pandas_to_sql", file, dsn, options)
        return float(said["rows"] / said["seconds"])

    return sample


def _emptied(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE clean.marks, ops.tombstones")
    _checkpoint(dsn)


def _checkpoint(dsn: str) -> None:
    """What others left to be written must not be paid for by whoever comes next."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
