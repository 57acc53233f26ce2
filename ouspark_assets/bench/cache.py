"""Prewarming the cache, beside valkey-cli or redis-cli --pipe of the same keys and values.

The reference gets a ready file; it neither checks what it wrote nor switches to it.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import polars as pl
import redis

from ouspark_assets.bench.benchmark import Bench
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.population import published_tables
from ouspark_assets.bench.references import BenchError, valkey_client
from ouspark_assets.bench.rounds import Contender, seconds, take_turns
from ouspark_assets.cache import bulk_commands
from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.documents import Documents, build_documents
from ouspark_assets.cache.generation import BuildResult, build_generation
from ouspark_assets.cache.keys import Generation
from ouspark_assets.cache.published_tables import SOURCES, PublishedTables
from ouspark_assets.settings import CacheSettings

GENERATION, WRITING = "a whole generation", "its values alone"
RECORDS = "a whole generation with serialising"
BUDGET = Budget(Bound.AT_LEAST, 0.8)
# What a document of a student has, more or less.
DOCUMENT_BYTES = 1_400
LIVE_SECONDS = 3600
BATCH = 5_000
FIRST_TICKET, TICKET_DIGITS = 160421000000, 12


@dataclass(frozen=True)
class Server:
    """The cache of the room."""

    url: str

    def emptied(self) -> redis.Redis:
        """A client of the empty server, which is this benchmark's own."""
        client = redis.Redis.from_url(self.url)
        client.flushall()
        return client


def measure(bench: Bench) -> Outcome:
    """Keys a second of each."""
    bench.watch.step("making up the documents")
    server = Server(bench.room.servers.redis_url)
    keys = bench.scale.keys
    plain = [_ready(Documents("student", keys, partial(_made_up, keys)))]
    published = _published(bench.scale.published_students)
    settings = bench.room.settings.cache
    records = [_ready(it) for it in build_documents(published, settings.cache_top)]
    contenders = [
        Contender(GENERATION, _building(server, lambda: plain, settings)),
        Contender(WRITING, _writing(server, plain[0])),
        Contender(
            RECORDS,
            _building(server, lambda: build_documents(published, settings.cache_top), settings),
        ),
    ]
    program = valkey_client(bench.python)
    pipe = f"{Path(program or 'valkey-cli').name} --pipe"
    same_records = f"{pipe}, the same records"
    if program:
        for name, them in ((pipe, plain), (same_records, records)):
            file = bench.room.home / f"{len(contenders)}.resp"
            contenders.append(Contender(name, _piping(server, program, file, them)))
    taken = take_turns(contenders, bench.scale.rounds, "keys/s", bench.watch)
    theirs = taken.get(pipe)
    figures = (
        Figure("a generation, values serialised", taken[GENERATION], pipe, theirs, BUDGET),
        Figure("its values written, nothing else", taken[WRITING], pipe, theirs),
        Figure("records, serialised too", taken[RECORDS], pipe, taken.get(same_records)),
    )
    notes = [f"{keys:,} keys of {DOCUMENT_BYTES} bytes; {_about(records)}"]
    if not program:
        notes.append("neither valkey-cli nor redis-cli is installed: left out")
    return Outcome("cache", "Prewarming", figures, tuple(notes))


def _made_up(keys: int) -> Iterator[pl.DataFrame]:
    begins, ends = '{"hall_ticket":"', '","notes":"' + "x" * DOCUMENT_BYTES
    for begin in range(0, keys, BATCH):
        numbers = pl.int_range(begin, min(begin + BATCH, keys), eager=True)
        name = (FIRST_TICKET + numbers).cast(pl.String).alias("name")
        rest = pl.lit(ends[: DOCUMENT_BYTES - len(begins) - TICKET_DIGITS - 2] + '"}')
        document = pl.concat_str(pl.lit(begins), "name", rest).alias("document")
        yield name.to_frame().with_columns(document)


def _published(students: int) -> PublishedTables:
    frames = published_tables(students)
    return PublishedTables.from_frames({table: frames[table] for table in SOURCES})


def _ready(made: Documents) -> Documents:
    """The same documents, serialised once and for all."""
    batches = list(made.batches())
    return Documents(made.kind, made.n, lambda: iter(batches))


def _about(records: Sequence[Documents]) -> str:
    frames = [frame for it in records for frame in it.batches()]
    size = sum(int(frame["document"].str.len_bytes().sum()) for frame in frames)
    keys = sum(frame.height for frame in frames)
    return f"records: {keys:,} keys of {size / keys:,.0f} bytes"


def _building(
    server: Server, documents_of: Callable[[], Sequence[Documents]], settings: CacheSettings
) -> Callable[[], float]:
    def sample() -> float:
        server.emptied().close()
        built: list[BuildResult] = []
        with connect_cache(server.url) as client:
            generation = Generation(1, f"{time.monotonic_ns():016x}")
            spent = seconds(
                lambda: built.append(
                    build_generation(
                        client, generation, documents_of(), {"publication": 1}, settings
                    )
                )
            )
        return built[0].keys / spent

    return sample


def _writing(server: Server, made: Documents) -> Callable[[], float]:
    batches = list(made.batches())

    def sample() -> float:
        server.emptied().close()
        with connect_cache(server.url) as client:
            msetex = bulk_commands.has_msetex(client)
            prefix = "ouspark:bench:student:"
            spent = seconds(
                lambda: bulk_commands.set_with_ttl(
                    client, prefix, batches, LIVE_SECONDS, msetex=msetex
                )
            )
        return made.n / spent

    return sample


def _piping(
    server: Server, program: str, file: Path, made: Sequence[Documents]
) -> Callable[[], float]:
    keys = _write_commands(file, made)

    def sample() -> float:
        client = server.emptied()
        with file.open("rb") as commands:
            spent = seconds(lambda: _run(program, server.url, commands))
        found = client.dbsize()
        if found != keys:
            message = f"{program} wrote {found} of {keys} keys"
            raise BenchError(message)
        return keys / spent

    return sample


def _run(program: str, url: str, commands: IO[bytes]) -> None:
    where = urlsplit(url)
    # By the environment, where the password is in no list of processes.
    secret = dict.fromkeys(("REDISCLI_AUTH", "VALKEYCLI_AUTH"), where.password or "")
    done = subprocess.run(  # noqa: S603 (a program found on PATH)
        [program, "-h", str(where.hostname), "-p", str(where.port), "--pipe"],
        stdin=commands,
        env={**os.environ, **secret},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        message = f"{Path(program).name} failed (exit status {done.returncode})"
        raise BenchError(message)


def _write_commands(file: Path, made: Sequence[Documents]) -> int:
    keys = 0
    with file.open("wb") as output:
        for each in made:
            for frame in each.batches():
                for name, document in frame.iter_rows():
                    words = ("SET", f"ouspark:bench:{each.kind}:{name}", document, "EX", "3600")
                    output.write(_packed(words))
                    keys += 1
    return keys


def _packed(words: Sequence[str]) -> bytes:
    encoded = [word.encode() for word in words]
    parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
    return b"*%d\r\n" % len(parts) + b"".join(parts)
