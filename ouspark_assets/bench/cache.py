"""Benchmark of prewarming. The reference is valkey-cli or redis-cli --pipe with the same keys.

The reference reads a prepared file; it neither verifies what it wrote nor switches to it.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import redis

from ouspark_assets.bench.benchmark import Bench, Contender, measure_in_turns, measure_seconds
from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome
from ouspark_assets.bench.references import BenchError, find_valkey_client
from ouspark_assets.bench.synthetic import generate_published_tables
from ouspark_assets.cache import bulk_commands
from ouspark_assets.cache.client import connect_cache
from ouspark_assets.cache.documents import Documents, build_documents
from ouspark_assets.cache.generation import build_generation
from ouspark_assets.cache.keys import Generation
from ouspark_assets.cache.source_tables import SOURCES, PublishedTables
from ouspark_assets.settings import CacheSettings

GENERATION, WRITING = "a whole generation", "its values alone"
RECORDS = "a whole generation with serialising"
BUDGET = Budget(Bound.AT_LEAST, 0.8)
# About the size of a student's document.
DOCUMENT_BYTES = 1_400
TTL_SECONDS = 3600
BATCH = 5_000
FIRST_TICKET, TICKET_DIGITS = 160421000000, 12


def measure(bench: Bench) -> Outcome:
    """Return keys per second of a generation, of its writes alone, and of the reference."""
    bench.progress.step("generating the documents")
    url, settings = bench.environment.servers.redis_url, bench.environment.settings.cache
    keys = bench.scale.keys
    plain = [_serialise(Documents("student", keys, partial(_generate_documents, keys)))]
    frames = generate_published_tables(bench.scale.published_students)
    published = PublishedTables.from_frames({table: frames[table] for table in SOURCES})
    build_records = partial(build_documents, published, settings.cache_top)
    records = [_serialise(documents) for documents in build_records()]
    contenders = [
        Contender(GENERATION, partial(_build_generation, url, lambda: plain, settings)),
        Contender(WRITING, partial(_write_values, url, plain[0])),
        Contender(RECORDS, partial(_build_generation, url, build_records, settings)),
    ]
    program = find_valkey_client(bench.python)
    pipe = f"{Path(program or 'valkey-cli').name} --pipe"
    same_records = f"{pipe}, the same records"
    if program:
        for name, documents in ((pipe, plain), (same_records, records)):
            file = bench.environment.home / f"{len(contenders)}.resp"
            contenders.append(Contender(name, _pipe_commands(url, program, file, documents)))
    taken = measure_in_turns(contenders, bench.scale.rounds, "keys/s", bench.progress)
    reference = taken.get(pipe)
    figures = (
        Figure("a generation, values serialised", taken[GENERATION], pipe, reference, BUDGET),
        Figure("its values written, nothing else", taken[WRITING], pipe, reference),
        Figure("records, serialised too", taken[RECORDS], pipe, taken.get(same_records)),
    )
    texts = pl.concat([frame["document"] for each in records for frame in each.batches()])
    size = texts.str.len_bytes().sum() / len(texts)
    notes = [f"{keys:,} keys of {DOCUMENT_BYTES} bytes"]
    notes.append(f"records: {len(texts):,} keys of {size:,.0f} bytes")
    if not program:
        notes.append("valkey-cli and redis-cli are not installed: left out")
    return Outcome("cache", "Prewarming", figures, tuple(notes))


def _generate_documents(keys: int) -> Iterator[pl.DataFrame]:
    start, end = '{"hall_ticket":"', '","notes":"' + "x" * DOCUMENT_BYTES
    for first in range(0, keys, BATCH):
        numbers = pl.int_range(first, min(first + BATCH, keys), eager=True)
        name = (FIRST_TICKET + numbers).cast(pl.String).alias("name")
        rest = pl.lit(end[: DOCUMENT_BYTES - len(start) - TICKET_DIGITS - 2] + '"}')
        document = pl.concat_str(pl.lit(start), "name", rest).alias("document")
        yield name.to_frame().with_columns(document)


def _serialise(documents: Documents) -> Documents:
    """Return the same documents, serialised once, so that no sample pays for it."""
    batches = list(documents.batches())
    return Documents(documents.kind, documents.n, lambda: iter(batches))


def _empty_cache(url: str) -> redis.Redis:
    # The server belongs to this benchmark, so FLUSHALL is safe here.
    client = redis.Redis.from_url(url)
    client.flushall()
    return client


def _build_generation(
    url: str, documents: Callable[[], Sequence[Documents]], settings: CacheSettings
) -> float:
    _empty_cache(url).close()
    with connect_cache(url) as client:
        generation = Generation(1, f"{time.monotonic_ns():016x}")
        started = time.perf_counter()
        built = build_generation(client, generation, documents(), {"publication": 1}, settings)
        return built.keys / (time.perf_counter() - started)


def _write_values(url: str, documents: Documents) -> float:
    batches = list(documents.batches())
    _empty_cache(url).close()
    with connect_cache(url) as client:
        msetex = bulk_commands.has_msetex(client)
        prefix = "ouspark:bench:student:"
        started = time.perf_counter()
        bulk_commands.set_with_ttl(client, prefix, batches, TTL_SECONDS, msetex=msetex)
        return documents.n / (time.perf_counter() - started)


def _pipe_commands(
    url: str, program: str, file: Path, documents: Sequence[Documents]
) -> Callable[[], float]:
    keys = _write_commands(file, documents)
    server = urlsplit(url)
    command = [program, "-h", str(server.hostname), "-p", str(server.port), "--pipe"]
    # The password goes through the environment: arguments are visible in the process list.
    password = dict.fromkeys(("REDISCLI_AUTH", "VALKEYCLI_AUTH"), server.password or "")
    environment = {**os.environ, **password}

    def pipe() -> None:
        with file.open("rb") as commands:
            done = subprocess.run(  # noqa: S603 (a program found on PATH)
                command, stdin=commands, env=environment, capture_output=True, check=False
            )
        if done.returncode:
            message = f"{Path(program).name} failed (exit status {done.returncode})"
            raise BenchError(message)

    def sample() -> float:
        client = _empty_cache(url)
        spent = measure_seconds(pipe)
        written = client.dbsize()
        if written != keys:
            message = f"{program} wrote {written} of {keys} keys"
            raise BenchError(message)
        return keys / spent

    return sample


def _write_commands(file: Path, documents: Sequence[Documents]) -> int:
    """Write a SET command per document in the Redis protocol; return their number."""
    keys = 0
    with file.open("wb") as output:
        for each in documents:
            for frame in each.batches():
                for name, document in frame.iter_rows():
                    key = f"ouspark:bench:{each.kind}:{name}"
                    words = [word.encode() for word in ("SET", key, document, "EX", "3600")]
                    output.write(b"*%d\r\n" % len(words))
                    output.writelines(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
                    keys += 1
    return keys
